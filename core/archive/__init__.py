"""The `.pent` container: restore streams and search codes of many pictures in one file. FORMAT.md describes it."""
