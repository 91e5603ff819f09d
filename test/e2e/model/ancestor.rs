//! The contract of 2016 (go-ethereum's chequebook, as compiled by solc 0.4.18), as plain maps: what each action did. The
//! owner signs; all errors revert without a word; and it knows neither notice, nor tokens, nor a clearing house.

use std::collections::BTreeMap;

use super::act::{Act, Error, Event, Now, Outcome, Who};

#[derive(Clone, Debug, Default)]
pub(crate) struct Ancestor {
    /// Before Cancun.
    pub(crate) erases: bool,
    pub(crate) created: bool,
    pub(crate) erased: bool,
    pub(crate) balance: u64,
    pub(crate) sent: BTreeMap<Who, u64>,
    pub(crate) received: BTreeMap<Who, u64>,
}

impl Ancestor {
    pub(crate) const fn has_code(&self) -> bool {
        self.created && !self.erased
    }

    pub(crate) fn act(&mut self, act: &Act, _: Now) -> Outcome {
        match act {
            Act::Create { .. } if self.created => Err(Error::AlreadyCreated),
            Act::Create { deposit } => {
                self.created = true;
                self.balance += deposit;
                Ok(vec![Event::Created])
            }
            // For ever: there is no state in which it refuses ether.
            Act::Pay(amount) | Act::Force(amount) => {
                self.balance += amount;
                Ok(vec![])
            }
            Act::Cash { cash, if_covered: false } if !cash.typed && self.has_code() => {
                let sent = self.sent.get(&cash.beneficiary).copied().unwrap_or_default();
                if cash.amount <= sent || !cash.is_signed() {
                    return Err(Error::Silent);
                }
                let owed = cash.amount - sent;
                if owed > self.balance {
                    self.destroy(cash.beneficiary);
                    return Ok(vec![Event::Overdraft]);
                }
                // By `transfer`, with 2,300 gas.
                if matches!(cash.beneficiary, Who::Refuser | Who::Wallet) {
                    return Err(Error::Silent);
                }
                self.sent.insert(cash.beneficiary, cash.amount);
                self.give(cash.beneficiary, owed);
                Ok(vec![])
            }
            Act::Kill(Who::Owner) if self.has_code() => {
                self.destroy(Who::Owner);
                Ok(vec![])
            }
            // A stranger's kill does nothing, and the fallback function takes every other call.
            _ => Ok(vec![]),
        }
    }

    /// By `selfdestruct`. Nothing is written before: `sent` stays as it was.
    fn destroy(&mut self, recipient: Who) {
        let all = self.balance;
        if recipient == Who::Chequebook && self.erases {
            self.balance = 0; // burnt
        } else {
            self.give(recipient, all);
        }
        self.erased = self.erases;
    }

    fn give(&mut self, recipient: Who, amount: u64) {
        if recipient != Who::Chequebook {
            self.balance -= amount;
            *self.received.entry(recipient).or_default() += amount;
        }
    }
}
