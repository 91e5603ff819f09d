//! The events that a payer, its payees and their chain may meet.

use proptest::prelude::*;

/// The number of payees.
pub(crate) const PAYEES: usize = 3;
/// The most strangers that come at once.
pub(crate) const STRANGERS: usize = 5_000;

/// What a chequebook pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asset {
    Ether,
    Token,
}

impl Asset {
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Ether => 0,
            Self::Token => 1,
        }
    }
}

/// The wallets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Payer,
    Payee,
    Shop,
    Owner,
}

impl Who {
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Payer => 0,
            Self::Payee => 1,
            Self::Shop => 2,
            Self::Owner => 3,
        }
    }

    /// The name of its key.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Payer => "payer",
            Self::Payee => "cashier",
            Self::Shop => "shop",
            Self::Owner => "owner",
        }
    }
}

/// What an owner may do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Announce,
    Cancel,
    Kill,
}

/// How the token behaves from now on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Honest,
    /// So many hundredths of a transfer do not arrive.
    Fee(u64),
    Refuses,
    RefusesInBlocks,
    /// The shop is blocked.
    Blocks,
    ReturnsFalse,
    ReturnsFalseInBlocks,
    Silent,
    Hides,
    /// The issuer takes so much of what the chequebook has.
    Seize(u64),
}

/// One event.
#[derive(Clone, Debug)]
pub(crate) enum Command {
    Issue {
        to: usize,
        amount: u64,
        typed: bool,
    },
    /// Begins to issue, and drops the future after `polls` polls.
    Abandon {
        to: usize,
        amount: u64,
        polls: usize,
    },
    /// Sends the latest cheque again.
    Resend {
        to: usize,
    },
    /// Sends a cheque of another key.
    Forge {
        to: usize,
        amount: u64,
    },
    /// Sends the latest cheque with another amount.
    Alter {
        to: usize,
        more: u64,
    },
    Deposit {
        asset: Asset,
        amount: u64,
    },
    /// The owner gets a cheque, which is cashed.
    Withdraw {
        amount: u64,
    },
    ResumeWithdrawal,
    Cash {
        to: usize,
        consent: bool,
    },
    /// A stranger cashes the latest cheque.
    CashByStranger {
        to: usize,
    },
    /// The payer issues a cheque to the shop, and its cashier takes it.
    Pay {
        asset: Asset,
        amount: u64,
    },
    /// The latest cheque to the shop is sent again.
    PayAgain {
        asset: Asset,
    },
    /// The payer uses up credit at the shop.
    Spend {
        asset: Asset,
        amount: u64,
    },
    /// The shop cashes whatever is worth so much.
    CashTill {
        asset: Asset,
        least: u64,
    },
    /// So many strangers send cheques of contracts that are not there.
    Strangers {
        count: usize,
    },
    Mine {
        blocks: usize,
    },
    Rollback {
        depth: usize,
        keep: bool,
    },
    Forget,
    Announce {
        asset: Asset,
    },
    Cancel {
        asset: Asset,
    },
    Kill {
        asset: Asset,
    },
    /// The wallet of the owner does it.
    Own(Act),
    /// The token, or its issuer, changes.
    Token(Change),
    /// A wallet ends, in order or by being dropped in the middle of everything, and is opened again.
    Restart {
        who: Who,
        crash: bool,
    },
    /// The store of a wallet dies after so many more commits; the last of them is made, or not.
    Die {
        who: Who,
        after: u32,
        made: bool,
    },
    /// Another program uses the payer's account.
    Foreign {
        ahead: u64,
    },
    /// An authorization (EIP-7702) uses the next nonce of the payer's account.
    Delegate,
    /// Takes one of the payer's transactions out of the pool.
    Evict {
        which: usize,
    },
    /// Asks to cancel a transaction.
    CancelTransaction {
        who: Who,
        which: usize,
    },
    /// Something is wrong with the nodes during the next commands.
    Trouble(Trouble),
    Heal,
}

/// What may be wrong with nodes, pool and fees.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// So many of a thousand requests are lost: some before execution, some after.
    Faults(u64),
    /// A load balancer over nodes that are so many blocks behind.
    Replicas(Vec<u64>),
    /// All nodes go back.
    GoBack(u64),
    /// All nodes stay at the newest block.
    Stall,
    PruneState(u64),
    PruneReceipts(u64),
    LogRange(u64),
    Rate(usize),
    /// No receipt is there, no event, or no transaction.
    NoReceipts,
    NoLogs,
    NoTransactions,
    /// The count of transactions is too high.
    WrongNonce(u64),
    /// Contracts without code.
    NoCode,
    MinTip(u128),
    ValidatorsTip(u128),
    BaseFee(u64),
    FeeCap(u64),
    PoolFull,
    InFlight(usize),
}

/// A random trouble.
fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        3 => (50..400_u64).prop_map(Trouble::Faults),
        3 => prop::collection::vec(0..5_u64, 1..4).prop_map(Trouble::Replicas),
        2 => (1..10_u64).prop_map(Trouble::GoBack),
        1 => Just(Trouble::Stall),
        1 => (4..12_u64).prop_map(Trouble::PruneState),
        1 => (1..6_u64).prop_map(Trouble::PruneReceipts),
        1 => (1..4_u64).prop_map(Trouble::LogRange),
        1 => (1..20_usize).prop_map(Trouble::Rate),
        2 => Just(Trouble::NoReceipts),
        2 => Just(Trouble::NoLogs),
        1 => Just(Trouble::NoTransactions),
        1 => (1..4_u64).prop_map(Trouble::WrongNonce),
        1 => Just(Trouble::NoCode),
        1 => (1..1_000_u128).prop_map(Trouble::MinTip),
        1 => (1..1_000_u128).prop_map(Trouble::ValidatorsTip),
        1 => (1..100_000_u64).prop_map(Trouble::BaseFee),
        1 => (1..1_000_000_u64).prop_map(Trouble::FeeCap),
        1 => Just(Trouble::PoolFull),
        1 => (1..3_usize).prop_map(Trouble::InFlight),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => Just(Change::Honest),
        1 => (1..50_u64).prop_map(Change::Fee),
        1 => Just(Change::Refuses),
        1 => Just(Change::RefusesInBlocks),
        1 => Just(Change::Blocks),
        1 => Just(Change::ReturnsFalse),
        1 => Just(Change::ReturnsFalseInBlocks),
        1 => Just(Change::Silent),
        1 => Just(Change::Hides),
        1 => (1..500_u64).prop_map(Change::Seize),
    ]
}

/// What payer, payees and shop do.
fn payment() -> impl Strategy<Value = Command> {
    let to = || 0..PAYEES;
    let amount = || prop_oneof![5 => 1..200_u64, 1 => 200..2_000_u64];
    let asset = || prop_oneof![Just(Asset::Ether), Just(Asset::Token)];
    prop_oneof![
        12 => (to(), amount(), any::<bool>()).prop_map(|(to, amount, typed)| Command::Issue { to, amount, typed }),
        4 => (to(), amount(), 0..4_usize).prop_map(|(to, amount, polls)| Command::Abandon { to, amount, polls }),
        8 => to().prop_map(|to| Command::Resend { to }),
        1 => (to(), amount()).prop_map(|(to, amount)| Command::Forge { to, amount }),
        1 => (to(), amount()).prop_map(|(to, more)| Command::Alter { to, more }),
        6 => (asset(), amount()).prop_map(|(asset, amount)| Command::Deposit { asset, amount }),
        2 => amount().prop_map(|amount| Command::Withdraw { amount }),
        1 => Just(Command::ResumeWithdrawal),
        5 => (to(), prop::bool::weighted(0.2)).prop_map(|(to, consent)| Command::Cash { to, consent }),
        2 => to().prop_map(|to| Command::CashByStranger { to }),
        12 => (asset(), amount()).prop_map(|(asset, amount)| Command::Pay { asset, amount }),
        4 => asset().prop_map(|asset| Command::PayAgain { asset }),
        6 => (asset(), amount()).prop_map(|(asset, amount)| Command::Spend { asset, amount }),
        3 => (asset(), 1..200_u64).prop_map(|(asset, least)| Command::CashTill { asset, least }),
    ]
}

/// What happens to them.
fn event() -> impl Strategy<Value = Command> {
    let asset = || prop_oneof![Just(Asset::Ether), Just(Asset::Token)];
    let who = || prop_oneof![3 => Just(Who::Payer), 2 => Just(Who::Payee), 2 => Just(Who::Shop), 1 => Just(Who::Owner)];
    let act = prop_oneof![2 => Just(Act::Announce), 3 => Just(Act::Cancel), 1 => Just(Act::Kill)];
    prop_oneof![
        1 => prop_oneof![20 => 1..50_usize, 1 => 1_000..STRANGERS].prop_map(|count| Command::Strangers { count }),
        10 => (1..4_usize).prop_map(|blocks| Command::Mine { blocks }),
        3 => (1..4_usize, any::<bool>()).prop_map(|(depth, keep)| Command::Rollback { depth, keep }),
        1 => Just(Command::Forget),
        1 => asset().prop_map(|asset| Command::Announce { asset }),
        2 => asset().prop_map(|asset| Command::Cancel { asset }),
        1 => asset().prop_map(|asset| Command::Kill { asset }),
        2 => act.prop_map(Command::Own),
        2 => change().prop_map(Command::Token),
        4 => (who(), any::<bool>()).prop_map(|(who, crash)| Command::Restart { who, crash }),
        4 => (who(), 0..4_u32, any::<bool>()).prop_map(|(who, after, made)| Command::Die { who, after, made }),
        1 => (0..3_u64).prop_map(|ahead| Command::Foreign { ahead }),
        1 => Just(Command::Delegate),
        1 => (0..4_usize).prop_map(|which| Command::Evict { which }),
        1 => (who(), 0..4_usize).prop_map(|(who, which)| Command::CancelTransaction { who, which }),
        3 => trouble().prop_map(Command::Trouble),
        3 => Just(Command::Heal),
    ]
}

/// A random sequence.
pub(crate) fn commands() -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec(prop_oneof![3 => payment(), 2 => event()], 1..80)
}
