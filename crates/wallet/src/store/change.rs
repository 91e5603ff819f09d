//! What a store keeps, and how it changes.

/// The name of a table: one for each kind of fact. [`TABLES`](super::TABLES) has all of them; nobody else makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub(crate) &'static str);

impl Table {
    /// Its name: up to 20 lower-case ASCII letters.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Where a row stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The table.
    pub table: Table,
    /// Identifies the row in its table: up to 255 bytes, or none. Rows are sorted by it, as bytes are.
    pub bytes: Vec<u8>,
}

/// What must be true of a row when a [`Change`] is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The row.
    pub key: Key,
    /// The value that it must have. `None` means that there must be no such row, which an empty value is not.
    pub value: Option<Vec<u8>>,
}

/// One row that a [`Change`] sets or removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The row.
    pub key: Key,
    /// Its new value, of any length. `None` removes the row, if there is one.
    pub value: Option<Vec<u8>>,
}

/// Writes that are made together, and only if all conditions hold: one step, which nobody sees half of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// What the writes were computed from. They are checked after all earlier changes, and before the own writes.
    pub conditions: Vec<Condition>,
    /// What changes, in order: of two writes to a row, the later one wins.
    pub writes: Vec<Write>,
}

/// A condition of a [`Change`] does not hold, so that nothing of it was written: somebody else wrote the row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row 0x{} of table {} has another value than expected", alloy::primitives::hex::encode(&key.bytes), key.table.name())]
pub struct Conflict {
    /// The row; any of them, if several are in the way.
    pub key: Key,
}

/// The key of a row within its table, and its value.
pub type Entry = (Vec<u8>, Vec<u8>);
