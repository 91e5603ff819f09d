//! What anyone can do with a chequebook, and what can come of it: the words that the models and the chain share.

/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Owner,
    Stranger,
    Payee,
    OtherPayee,
    /// Needs more gas than a plain transfer has.
    Wallet,
    /// Refuses what it is paid: its code does, or the token does.
    Refuser,
    Chequebook,
}

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// The owner signed, who is not the signer.
    OwnersKey,
    OtherContract,
    OtherBeneficiary,
    OtherAmount,
    OtherScheme,
    /// Of a typed cheque; a packed one binds no chain, and is good.
    OtherChain,
    Malformed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cash {
    pub(crate) beneficiary: Who,
    pub(crate) amount: u64,
    pub(crate) typed: bool,
    pub(crate) flaw: Flaw,
}

impl Cash {
    /// Whether the signer signed exactly this.
    pub(crate) fn is_signed(&self) -> bool {
        self.flaw == Flaw::None || (self.flaw == Flaw::OtherChain && !self.typed)
    }
}

/// One transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// With a first deposit. (Of a token, that would be a transaction of its own.)
    Create {
        deposit: u64,
    },
    /// Sends the asset to the address.
    Pay(u64),
    /// Sends the asset in a way that nobody can refuse.
    Force(u64),
    /// By `cash` or `cashTyped`, or by the covered entries.
    Cash {
        cash: Cash,
        if_covered: bool,
    },
    /// Through the clearing house.
    Clear(Vec<Cash>),
    Announce(Who),
    Cancel(Who),
    Kill(Who),
    Reclaim(Who),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Created,
    Cashed { beneficiary: Who, paid: u64 },
    Overdraft,
    KillAnnounced { killable_at: u64 },
    KillCancelled,
    Killed { refund: u64 },
    Reclaimed { amount: u64 },
    Skipped { beneficiary: Who, amount: u64, reason: Reason },
}

/// Why the clearing house skips a cheque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    NoChequebook,
    InvalidBeneficiary,
    StaleCheque,
    InvalidSignature,
    NotCovered,
    PaymentFailed,
    Other,
}

impl From<Error> for Reason {
    fn from(error: Error) -> Self {
        match error {
            Error::NoChequebook => Self::NoChequebook,
            Error::InvalidBeneficiary => Self::InvalidBeneficiary,
            Error::StaleCheque { .. } => Self::StaleCheque,
            Error::InvalidSignature => Self::InvalidSignature,
            Error::NotCovered { .. } => Self::NotCovered,
            Error::PaymentFailed => Self::PaymentFailed,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Error {
    /// Reverts without an error.
    Silent,
    AlreadyCreated,
    BornThisBlock,
    Dead,
    InvalidBeneficiary,
    InvalidSignature,
    /// Of the clearing house, of what has no code.
    NoChequebook,
    NotAnnounced,
    NotCovered {
        owed: u64,
        balance: u64,
    },
    NotDead,
    NotOwner(Who),
    NoticeRunning {
        killable_at: u64,
        time: u64,
    },
    PaymentFailed,
    StaleCheque {
        amount: u64,
        sent: u64,
    },
}

/// What a transaction does: its events in order, or its error.
pub(crate) type Outcome = Result<Vec<Event>, Error>;

/// The block in which it happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) block: u64,
    pub(crate) time: u64,
}
