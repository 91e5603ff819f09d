//! W4: what wedges, or holds up others.
