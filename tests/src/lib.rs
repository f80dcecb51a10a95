//! Only tests: see `tests/suite/`.
