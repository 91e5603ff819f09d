//! The chequebook of the demo, seen from its payer, its payees, and the chain.

use std::path::Path;

use alloy::{
    primitives::{Address, U256, utils::Unit},
    providers::{DynProvider, Provider},
};
use chequebook::{
    bindings::{
        Chequebook::{self as contract, ChequebookInstance},
        ChequebookFactory::Created,
    },
    factory,
};
use chequebook_wallet::{Chequebook, Config, Inbox, NewChequebook, Policy, Wallet, store::Redb};

use eyre::OptionExt;

use super::payee::Payee;
use crate::{chain::Chain, check::equal};

/// The index of the account that owns the chequebook and signs its cheques.
const OWNER: usize = 0;
/// The index of the account that sends the cashing transactions, so that the payees' balances change only by what they
/// are paid.
const CASHIER: usize = 1;

/// The wallet of an account, with its state in `directory`.
async fn wallet(chain: &Chain, account: usize, directory: &Path) -> eyre::Result<Wallet> {
    let store = Redb::open_or_create(directory.join(format!("{account}.redb")))?;
    Ok(Wallet::open(chain.provider().clone(), chain.signer(account)?, store, Config::development()).await?)
}

/// A chequebook with a deposit, open on both sides.
pub(crate) struct Book<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) payer: Wallet,
    pub(crate) payee: Wallet,
    pub(crate) chequebook: Chequebook,
    /// One for each payee, in their order.
    pub(crate) inboxes: Vec<Inbox>,
    pub(crate) contract: ChequebookInstance<DynProvider>,
    pub(crate) address: Address,
    /// In wei.
    pub(crate) deposit: U256,
    /// The gas of the creation and of the deposit.
    pub(crate) gas: u64,
}

impl<'a> Book<'a> {
    /// Creates a direct chequebook without notice period, whose owner signs, and deposits one ether.
    pub(crate) async fn create(chain: &'a Chain, directory: &Path, payees: &[Payee]) -> eyre::Result<Self> {
        let payer = wallet(chain, OWNER, directory).await?;
        let owner = payer.account();
        let before = chain.balance(owner).await?;
        let chequebook = Chequebook::create(&payer, chain.signer(OWNER)?, NewChequebook::default()).await?;
        let [creation] =
            payer.transactions().await?.try_into().map_err(|_| eyre::Report::msg("more than a creation"))?;
        let created = chain.follow(&creation, owner, before, U256::ZERO).await?;

        let address = chequebook.address();
        let contract = contract::new(address, chain.provider().clone());
        let event = created.decoded_log::<Created>().ok_or_eyre("no Created event")?;
        equal("contract of the Created event", event.address, factory())?;
        equal("Created event", event.data, Created { owner, chequebook: address, token: Address::ZERO })?;
        equal("owner", contract.owner().call().await?, owner)?;
        equal("signer", contract.signer().call().await?, owner)?;
        equal("notice period, in seconds", contract.noticePeriod().call().await?, U256::ZERO)?;

        let deposit = Unit::ETHER.wei();
        let before = chain.balance(owner).await?;
        let deposited = chain.follow(&chequebook.deposit(deposit).await?, owner, before, deposit).await?;
        equal("balance after the deposit, in wei", chain.balance(address).await?, deposit)?;
        equal("available after the deposit, in wei", chequebook.balance().await?.available, deposit)?;

        let gas = created.gas_used.saturating_add(deposited.gas_used);
        let payee = wallet(chain, CASHIER, directory).await?;
        let inboxes = inboxes(&payee, address, payees).await?;
        Ok(Self { chain, payer, payee, chequebook, inboxes, contract, address, deposit, gas })
    }

    /// Shuts both sides down, and starts them again from their stores alone.
    pub(crate) async fn restart(&mut self, directory: &Path, payees: &[Payee]) -> eyre::Result<()> {
        self.payer.shutdown().await;
        self.payee.shutdown().await;
        self.payer = wallet(self.chain, OWNER, directory).await?;
        equal("chequebooks that the payer remembers", self.payer.chequebooks().await?, vec![self.address])?;
        self.chequebook = Chequebook::open(&self.payer, self.address, self.chain.signer(OWNER)?).await?;
        self.payee = wallet(self.chain, CASHIER, directory).await?;
        self.inboxes = inboxes(&self.payee, self.address, payees).await?;
        Ok(())
    }

    /// The balance of the chequebook, in wei.
    pub(crate) async fn balance(&self) -> eyre::Result<U256> {
        self.chain.balance(self.address).await
    }

    /// The size of the chequebook's code, in bytes.
    pub(crate) async fn code_size(&self) -> eyre::Result<usize> {
        Ok(self.chain.provider().get_code_at(self.address).await?.len())
    }

    /// What `beneficiary` was paid by cheques, in wei.
    pub(crate) async fn sent(&self, beneficiary: Address) -> eyre::Result<U256> {
        Ok(self.contract.sent(beneficiary).call().await?)
    }

    /// How many transactions `account` has sent.
    pub(crate) async fn transactions(&self, account: Address) -> eyre::Result<u32> {
        Ok(self.chain.provider().get_transaction_count(account).await?.try_into()?)
    }
}

async fn inboxes(wallet: &Wallet, contract: Address, payees: &[Payee]) -> eyre::Result<Vec<Inbox>> {
    let policy = Policy::default().min_notice_period(0);
    let mut inboxes = Vec::new();
    for payee in payees {
        inboxes.push(Inbox::open(wallet, contract, payee.address, policy).await?);
    }
    Ok(inboxes)
}
