//! How a cheque of 2016 is cashed: at a contract that is not ours, knows no covered entry, and tells nothing of a payment.

use std::{collections::BTreeMap, time::Duration};

use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
};
use chequebook::{
    Cheque, Error as ChequeError, Overdraft, Scheme, SignedCheque, bindings::Chequebook::sentCall, geth::is_original,
};

use super::cash::Cashing;
use crate::{
    Error,
    requests::Pass,
    store::schema::Purpose,
    transactions::{Call, Transaction},
};

/// What an original shows at one block, in wei.
struct Seen {
    balance: U256,
    /// What was paid to those to whom something is, or is to be, under way.
    sent: BTreeMap<Address, U256>,
}

impl Cashing {
    /// Sends the transaction that cashes a cheque **of 2016**, at a contract that go-ethereum deployed, and returns once it
    /// is sent. If a transaction that is under way already cashes this cheque or a newer one, returns that.
    /// [`OriginalChequebook`](chequebook::geth::OriginalChequebook) says what such a contract lacks. With
    /// `accept_unproven` its code may be any, of which **nothing is proven**: it may succeed and pay nothing.
    ///
    /// With [`Overdraft::Refuse`] the balance of the newest block must cover the cheque besides all that this wallet is
    /// cashing there. The contract has no such check: if the balance falls until the transaction is included, the cheque
    /// bounces, and the contract is destroyed. No event tells a payment, so no [`Event::Cashed`](crate::Event::Cashed) does.
    ///
    /// # Errors
    ///
    /// [`Error::WrongChainId`]; [`chequebook::Error::NotPacked`], [`chequebook::Error::WrongSigner`] if the cheque is
    /// invalid; [`chequebook::Error::NoCode`], [`chequebook::Error::Defective`], [`chequebook::Error::Unproven`] if there is
    /// no such contract; [`Error::AlreadyCashed`]; with [`Overdraft::Refuse`], [`Error::WouldBounce`];
    /// [`Error::Cancelled`] if an earlier cash is being cancelled; [`Error::Refused`] if the contract would refuse it, as when
    /// the beneficiary cannot be paid with 2,300 gas; [`Error::InsufficientFunds`] and similar errors if the transaction
    /// cannot be sent; or an error from the node.
    ///
    /// If this future is dropped, the cheque is under way or not; calling it again sends no second transaction.
    pub async fn cash_original(
        &self,
        cheque: &SignedCheque,
        overdraft: Overdraft,
        accept_unproven: bool,
    ) -> Result<Transaction, Error> {
        let Cheque { contract, beneficiary, amount, scheme, chain_id } = *cheque.cheque();
        if chain_id != self.0.chain.id() {
            return Err(Error::WrongChainId { found: chain_id, expected: self.0.chain.id() });
        }
        if scheme != Scheme::Packed {
            return Err(ChequeError::NotPacked.into());
        }
        let account = &self.0.account;
        account.try_advance().await;
        let head = self.0.watcher.look(Duration::ZERO).await?.head;
        if !is_original(contract, &self.0.chain.code(contract, head.id()).await?)? && !accept_unproven {
            return Err(ChequeError::Unproven { contract }.into());
        }
        // There is no function `owner()`: it is what stands in the first slot.
        let owner = self.0.chain.storage(contract, U256::ZERO, head.id()).await?;
        cheque.verify(Address::from_word(owner.into()))?;
        let cashes = || account.under_way(contract, head.number, |one| matches!(one, Purpose::CashOriginal { .. }));
        let mut payees: Vec<_> = cashes().iter().filter_map(|one| cash_in(one.purpose())).map(|(to, _)| to).collect();
        payees.push(beneficiary);
        let seen = self.original(contract, payees, head.id()).await?;

        let decide = || {
            let under_way = cashes();
            let ours =
                under_way.iter().rev().find(|one| cash_in(one.purpose()).is_some_and(|(to, _)| to == beneficiary));
            if let Some(cash) = ours {
                // It may still pay, or do nothing: until that is final, nobody knows.
                if cash.is_cancelled() {
                    return Err(Error::Cancelled { nonce: cash.nonce() });
                }
                if cash_in(cash.purpose()).is_some_and(|(_, cashed)| cashed >= amount) {
                    return Ok(Some(cash.clone()));
                }
            }
            let others = under_way.iter().filter_map(|one| cash_in(one.purpose())).filter(|(to, _)| *to != beneficiary);
            check(beneficiary, amount, overdraft, &seen, others).map(|()| None)
        };
        // The one entry of 2016: the other schemes and the covered entries are ours.
        let call = Call::new(contract, U256::ZERO, cheque.calldata(Overdraft::Consent));
        let purpose = Purpose::CashOriginal { contract, beneficiary, amount };
        Ok(account.send_single(call, purpose, Pass::default(), decide).await?.transaction())
    }

    async fn original(&self, contract: Address, payees: Vec<Address>, block: BlockId) -> Result<Seen, Error> {
        let balance = self.0.chain.balance(contract, block).await?;
        let mut sent = BTreeMap::new();
        for beneficiary in payees {
            if let std::collections::btree_map::Entry::Vacant(entry) = sent.entry(beneficiary) {
                entry.insert(self.0.chain.read(contract, sentCall { beneficiary }, block).await?);
            }
        }
        Ok(Seen { balance, sent })
    }
}

/// Whom a cash of 2016 pays, and the cumulative amount of its cheque.
const fn cash_in(purpose: Purpose) -> Option<(Address, U256)> {
    match purpose {
        Purpose::CashOriginal { beneficiary, amount, .. } => Some((beneficiary, amount)),
        _ => None,
    }
}

/// Decides whether a cheque is cashed beside the cashes to others that are under way.
fn check(
    beneficiary: Address,
    amount: U256,
    overdraft: Overdraft,
    seen: &Seen,
    others: impl Iterator<Item = (Address, U256)>,
) -> Result<(), Error> {
    let sent = |to: &Address| seen.sent.get(to).copied().unwrap_or_default();
    let already = sent(&beneficiary);
    let owed = amount.saturating_sub(already);
    if owed.is_zero() {
        return Err(Error::AlreadyCashed { amount, sent: already });
    }
    // To each its highest cheque: it contains the others.
    let mut highest: BTreeMap<Address, U256> = BTreeMap::new();
    for (to, cumulative) in others {
        let known = highest.entry(to).or_default();
        *known = cumulative.max(*known);
    }
    let reserved = highest.iter().map(|(to, cumulative)| cumulative.saturating_sub(sent(to)));
    let pays = seen.balance.saturating_sub(reserved.fold(U256::ZERO, U256::saturating_add));
    if overdraft == Overdraft::Refuse && pays < owed {
        return Err(Error::WouldBounce { pays, owed });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Address = Address::repeat_byte(1);
    const TWO: Address = Address::repeat_byte(2);

    #[test]
    fn counts_what_is_under_way_to_others_once() {
        let wei = U256::from;
        let seen = Seen { balance: wei(100), sent: [(ONE, wei(10)), (TWO, wei(5))].into() };
        for (amount, overdraft, others, expected) in [
            (10, Overdraft::Consent, vec![], Err("AlreadyCashed")),
            (9, Overdraft::Consent, vec![], Err("AlreadyCashed")),
            (110, Overdraft::Refuse, vec![], Ok(())),
            (111, Overdraft::Refuse, vec![], Err("WouldBounce")),
            (111, Overdraft::Consent, vec![], Ok(())),
            (70, Overdraft::Refuse, vec![(TWO, wei(45))], Ok(())),
            (71, Overdraft::Refuse, vec![(TWO, wei(45))], Err("WouldBounce")),
            (70, Overdraft::Refuse, vec![(TWO, wei(45)), (TWO, wei(20))], Ok(())),
            (11, Overdraft::Refuse, vec![(TWO, U256::MAX), (Address::ZERO, U256::MAX)], Err("WouldBounce")),
        ] {
            let found = check(ONE, wei(amount), overdraft, &seen, others.into_iter());
            match expected {
                Ok(()) => assert!(found.is_ok(), "{amount}: {found:?}"),
                Err(name) => assert!(format!("{found:?}").contains(name), "{amount}: {found:?}"),
            }
        }
    }
}
