//! Takes cheques alone.

pub use chequebook::{
    Asset, Cheque, Creation, Error, ErrorClass, Form, Overdraft, Record, Scheme, SignedCheque, Terms, clearing_house,
    factory,
    geth::{ChequebookFile, ReadError, read_cheque, read_chequebook, write_cheque},
};
