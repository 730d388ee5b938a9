"""Words of the domain: types, scales, errors and the protocols that models keep. Standard library only."""
