"""A request becomes results: the pool of loaded models, the score cache, progress, Stop, manifests and exports."""
