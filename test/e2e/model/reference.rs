//! The contracts as plain maps, written from their interfaces. No EVM, no hashes, no gas. At most 100 lines.
use std::collections::BTreeMap;

use super::act::{Act, Cash, Error, Event, Now, Outcome, Reason, Who};

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
            Act::Create { .. } if self.born.is_some() => return Err(Error::AlreadyCreated),
            Act::Create { deposit } => {
                self.born = Some(now.block);
                self.balance += deposit;
                return Ok(vec![Event::Created]);
            }
            Act::Pay(_) if self.dead && !self.token && self.has_code() => return Err(Error::Dead),
            Act::Pay(amount) | Act::Force(amount) => self.balance += amount,
            Act::Clear(cheques) => return Ok(cheques.iter().flat_map(|cheque| self.clear(cheque, now)).collect()),
            _ if !self.has_code() => {} // calls "succeed" without effect
            Act::Cash { cash, if_covered } => return self.cash(cash, *if_covered, now),
            Act::Reclaim(_) if !self.token => return Err(Error::Silent),
            Act::Announce(who) | Act::Cancel(who) | Act::Kill(who) | Act::Reclaim(who) if *who != Who::Owner => {
                return Err(Error::NotOwner(*who));
            }
            Act::Reclaim(_) if !self.dead => return Err(Error::NotDead),
            Act::Reclaim(who) => return self.pay(*who, self.balance).map(|amount| vec![Event::Reclaimed { amount }]),
            _ if self.dead => return Err(Error::Dead),
            Act::Announce(_) => {
                self.announced = Some(now.time + self.notice);
                return Ok(vec![Event::KillAnnounced { killable_at: now.time + self.notice }]);
            }
            Act::Cancel(_) => {
                return self.announced.take().map(|_| vec![Event::KillCancelled]).ok_or(Error::NotAnnounced);
            }
            Act::Kill(who) => {
                let killable_at =
                    if self.notice == 0 { now.time } else { self.announced.ok_or(Error::NotAnnounced)? };
                if now.time < killable_at {
                    return Err(Error::NoticeRunning { killable_at, time: now.time });
                }
                return self.die(*who, now).map(|refund| vec![Event::Killed { refund }]);
            }
        }
        Ok(vec![])
    }

    fn cash(&mut self, cash: &Cash, if_covered: bool, now: Now) -> Outcome {
        let Cash { beneficiary, amount, .. } = *cash;
        let (balance, sent) = (self.balance, self.sent.get(&beneficiary).copied().unwrap_or_default());
        let owed = amount.saturating_sub(sent);
        match () {
            () if beneficiary == Who::Chequebook => Err(Error::InvalidBeneficiary),
            () if owed == 0 => Err(Error::StaleCheque { amount, sent }),
            () if !cash.is_signed() => Err(Error::InvalidSignature),
            () if owed > balance && if_covered => Err(Error::NotCovered { owed, balance }),
            () => {
                let paid = if owed > balance { self.die(beneficiary, now) } else { self.pay(beneficiary, owed) }?;
                self.sent.insert(beneficiary, sent + paid);
                let overdraft = (owed > balance).then_some(Event::Overdraft);
                Ok([Event::Cashed { beneficiary, paid }].into_iter().chain(overdraft).collect())
            }
        }
    }

    fn clear(&mut self, cash: &Cash, now: Now) -> Vec<Event> {
        let reason = match self.has_code().then(|| self.cash(cash, true, now)) {
            Some(Ok(events)) => return events,
            Some(Err(error)) => Reason::from(error),
            None => Reason::NoChequebook,
        };
        vec![Event::Skipped { beneficiary: cash.beneficiary, amount: cash.amount, reason }]
    }

    fn die(&mut self, recipient: Who, now: Now) -> Result<u64, Error> {
        match self.balance {
            _ if self.dead => Err(Error::Dead),
            _ if self.born == Some(now.block) => Err(Error::BornThisBlock),
            all => {
                let paid = if self.token { self.pay(recipient, all)? } else { self.give(recipient, all) };
                (self.dead, self.erased) = (true, self.erases && !self.token);
                Ok(paid)
            }
        }
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
