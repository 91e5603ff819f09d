//! The contracts as plain maps, written from their interfaces. No EVM, no hashes, no gas. Fewer than 100 lines.
use std::collections::BTreeMap;

use super::act::{Act, Cash, Error, Event, Now, Outcome, Who};

#[derive(Clone, Debug, Default)]
pub(crate) struct Reference {
    pub(crate) token: bool,
    pub(crate) erases: bool, // before Cancun
    pub(crate) notice: u64,
    pub(crate) born: Option<u64>,
    pub(crate) erased: bool,
    pub(crate) dead: bool,
    pub(crate) announced: Option<u64>, // the time from which it can be killed
    pub(crate) balance: u64,
    pub(crate) sent: BTreeMap<Who, u64>,
    pub(crate) received: BTreeMap<Who, u64>,
}

impl Reference {
    pub(crate) fn has_code(&self) -> bool {
        self.born.is_some() && !self.erased
    }

    pub(crate) fn act(&mut self, act: &Act, now: Now) -> Outcome {
        match act {
            Act::Create { .. } if self.born.is_some() => Err(Error::AlreadyCreated),
            Act::Create { deposit } => {
                self.born = Some(now.block);
                self.balance += deposit;
                Ok(vec![Event::Created])
            }
            Act::Pay(_) if self.dead && !self.token && self.has_code() => Err(Error::Dead),
            Act::Pay(amount) | Act::Force(amount) => {
                self.balance += amount;
                Ok(vec![])
            }
            Act::Clear(cheques) => Ok(cheques.iter().flat_map(|cheque| self.clear(cheque, now)).collect()),
            _ if !self.has_code() => Ok(vec![]), // calls "succeed" without effect
            Act::Cash { cash, if_covered } => self.cash(cash, *if_covered, now),
            Act::Reclaim(_) if !self.token => Err(Error::Silent),
            Act::Announce(who) | Act::Cancel(who) | Act::Kill(who) | Act::Reclaim(who) if *who != Who::Owner => {
                Err(Error::NotOwner(*who))
            }
            Act::Reclaim(_) if !self.dead => Err(Error::NotDead),
            Act::Reclaim(owner) => self.pay(*owner, self.balance).map(|amount| vec![Event::Reclaimed { amount }]),
            _ if self.dead => Err(Error::Dead),
            Act::Announce(_) => {
                Ok(vec![Event::KillAnnounced { killable_at: *self.announced.insert(now.time + self.notice) }])
            }
            Act::Cancel(_) => self.announced.take().map(|_| vec![Event::KillCancelled]).ok_or(Error::NotAnnounced),
            Act::Kill(owner) => match self.announced.or((self.notice == 0).then_some(0)) {
                None => Err(Error::NotAnnounced),
                Some(killable_at) if now.time < killable_at => {
                    Err(Error::NoticeRunning { killable_at, time: now.time })
                }
                Some(_) => self.die(*owner, now).map(|refund| vec![Event::Killed { refund }]),
            },
        }
    }

    fn cash(&mut self, cash: &Cash, if_covered: bool, now: Now) -> Outcome {
        let (beneficiary, balance) = (cash.beneficiary, self.balance);
        let sent = self.sent.get(&beneficiary).copied().unwrap_or_default();
        let owed = cash.amount.saturating_sub(sent);
        let paid = match () {
            () if beneficiary == Who::Chequebook => Err(Error::InvalidBeneficiary),
            () if owed == 0 => Err(Error::StaleCheque { amount: cash.amount, sent }),
            () if !cash.is_signed() => Err(Error::InvalidSignature),
            () if owed <= balance => self.pay(beneficiary, owed),
            () if if_covered => Err(Error::NotCovered { owed, balance }),
            () => self.die(beneficiary, now),
        }?;
        self.sent.insert(beneficiary, sent + paid);
        let overdraft = (paid < owed).then_some(Event::Overdraft);
        Ok([Event::Cashed { beneficiary, paid }].into_iter().chain(overdraft).collect())
    }

    fn clear(&mut self, cash: &Cash, now: Now) -> Vec<Event> {
        let Cash { beneficiary, amount, .. } = *cash;
        let result = if self.has_code() { self.cash(cash, true, now) } else { Err(Error::NoChequebook) };
        result.unwrap_or_else(|error| vec![Event::Skipped { beneficiary, amount, reason: error.into() }])
    }

    fn die(&mut self, recipient: Who, now: Now) -> Result<u64, Error> {
        if self.dead || self.born == Some(now.block) {
            return Err(if self.dead { Error::Dead } else { Error::BornThisBlock });
        }
        let all = self.balance;
        let paid = if self.token { self.pay(recipient, all)? } else { self.give(recipient, all) };
        (self.dead, self.erased) = (true, self.erases && !self.token);
        Ok(paid)
    }

    fn pay(&mut self, recipient: Who, amount: u64) -> Result<u64, Error> {
        let refused = recipient == Who::Refuser && amount > 0;
        if refused { Err(Error::PaymentFailed) } else { Ok(self.give(recipient, amount)) }
    }

    fn give(&mut self, recipient: Who, amount: u64) -> u64 {
        self.balance -= amount;
        *self.received.entry(recipient).or_default() += amount;
        amount
    }
}
