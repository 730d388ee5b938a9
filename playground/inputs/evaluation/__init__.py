"""Tasks of the field as files: BEIR's and MTEB's layouts, and rows of a query with what is and is not relevant."""
