//! W5: cost that follows size.
