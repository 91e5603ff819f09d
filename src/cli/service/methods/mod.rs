//! All methods: the four of 2016, and what the commands do.

mod events;
mod itself;
mod owner;
mod payee;
mod payer;
mod transactions;

use std::sync::{Arc, LazyLock};

use jsonrpsee::{Extensions, RpcModule, server::RegisterMethodError, types::ErrorObjectOwned};
use serde_json::Value as Json;

use super::{
    access::Peer,
    method::{Answer, Method, value},
    openrpc,
    params::Args,
    problem::{Problem, Refusal},
    shape::{Field, Kind, Param, Shape, by_name, optional, required},
    state::{Call, State},
    tokens::Scope,
};

const SUBSCRIBE: &str = "chequebook_subscribe";
const UNSUBSCRIBE: &str = "chequebook_unsubscribe";
const NOTIFICATION: &str = "chequebook_event";

const KEY: Param = optional("key", Kind::Key, "a text of 1 to 256 bytes: the same call with it happens once");
const AMOUNT: Param = required("amount", Kind::Amount, "an amount in the smallest unit");
const CHEQUE: Param = required("cheque", Kind::Cheque, "a cheque, in our form or that of 2016");
const BOOK: Param = by_name("chequebook", Kind::Address, "which chequebook; default: the only one");
const FORMAT: Param = by_name("format", Kind::Format, "the form of the cheque that is answered; default: chequebook");
const LIMIT: Param = optional("limit", Kind::Number, "how many rows, at most 1000");
const ENDED: Param = required("chequebook", Kind::Address, "which chequebook");
const NONCE: Param = required("nonce", Kind::Number, "the nonce of a transaction that is not final");

const BALANCE: &[Field] = &[
    ("chequebook", Kind::Address, false),
    ("asset", Kind::Text, false),
    ("funded", Kind::Amount, false),
    ("issued", Kind::Amount, false),
    ("available", Kind::Amount, false),
    ("pending", Kind::Amount, false),
    ("paid", Kind::Amount, false),
    ("liabilities", Kind::Amount, false),
];
const ISSUED: &[Field] =
    &[("beneficiary", Kind::Address, false), ("issued", Kind::Amount, false), ("hasCheque", Kind::Flag, false)];
const COMMAND: &[Field] = &[
    ("chequebook", Kind::Address, false),
    ("action", Kind::Text, false),
    ("nonce", Kind::Number, false),
    ("transaction", Kind::Hash, false),
    ("status", Kind::Text, false),
    ("block", Kind::Number, true),
    ("state", Kind::Text, false),
    ("killableAt", Kind::Number, true),
];
const CHANGED: &[Field] = &[
    ("action", Kind::Text, false),
    ("nonce", Kind::Number, false),
    ("transaction", Kind::Hash, false),
    ("status", Kind::Text, false),
    ("block", Kind::Number, true),
];

/// A method, in the order of its fields.
macro_rules! method {
    ($name:literal, $scope:expr, $run:path, $params:expr, $result:expr, $summary:literal) => {
        Method {
            name: $name,
            scope: $scope,
            summary: $summary,
            params: $params,
            result: $result,
            run: |state, call| Box::pin($run(state, call)),
        }
    };
}

const READ: Option<Scope> = Some(Scope::Read);
const RECEIVE: Option<Scope> = Some(Scope::Receive);
const SPEND: Option<Scope> = Some(Scope::Spend);
const END: Option<Scope> = Some(Scope::End);

/// All of them but the subscription.
static METHODS: &[Method] = &[
    method!("chequebook_balance", READ, payer::balance, &[BOOK], Shape::One(Kind::Amount), "What is available"),
    method!(
        "chequebook_issue",
        SPEND,
        payer::issue,
        &[
            required("beneficiary", Kind::Address, "who is paid"),
            AMOUNT,
            KEY,
            BOOK,
            by_name("scheme", Kind::Scheme, "how it is signed; default: typed, or packed in the form of 2016"),
            FORMAT,
        ],
        Shape::One(Kind::Cheque),
        "Signs a cheque over this much more than before, and answers once it is durable"
    ),
    method!(
        "chequebook_cash",
        SPEND,
        payee::cash,
        &[
            CHEQUE,
            optional(
                "overdraft",
                Kind::Flag,
                "whether to take what is there if that does not cover it: needs scope end"
            ),
            KEY,
        ],
        Shape::One(Kind::Hash),
        "Cashes a cheque that the balance covers, and answers the hash of the transaction once it is sent"
    ),
    method!(
        "chequebook_deposit",
        SPEND,
        payer::deposit,
        &[AMOUNT, KEY, BOOK],
        Shape::One(Kind::Hash),
        "Deposits, and answers the hash of the transaction once it is sent"
    ),
    method!(
        "chequebook_chequebooks",
        READ,
        payer::chequebooks,
        &[],
        Shape::Rows(BALANCE),
        "The chequebooks that this service pays from"
    ),
    method!(
        "chequebook_liabilities",
        READ,
        payer::liabilities,
        &[
            by_name("after", Kind::Address, "only beneficiaries after this one"),
            by_name("limit", Kind::Number, "how many beneficiaries, at most 1000"),
            BOOK,
        ],
        Shape::WithRows(BALANCE, "beneficiaries", ISSUED),
        "What was issued, and to whom, page by page"
    ),
    method!(
        "chequebook_latest",
        SPEND,
        payer::latest,
        &[required("beneficiary", Kind::Address, "who is paid"), BOOK, FORMAT],
        Shape::One(Kind::Cheque),
        "The latest cheque to a beneficiary again"
    ),
    method!(
        "chequebook_withdraw",
        SPEND,
        payer::withdraw,
        &[AMOUNT, KEY, BOOK],
        Shape::Record(&[
            ("chequebook", Kind::Address, false),
            ("to", Kind::Address, false),
            ("withdraw", Kind::Amount, false),
            ("nonce", Kind::Number, false),
            ("transaction", Kind::Hash, false),
            ("status", Kind::Text, false),
            ("block", Kind::Number, true),
        ]),
        "Pays what is available out to the owner"
    ),
    method!(
        "chequebook_announceKill",
        END,
        owner::announce_kill,
        &[ENDED, KEY],
        Shape::Record(COMMAND),
        "Announces the end of a chequebook: from then on nothing more is issued"
    ),
    method!(
        "chequebook_cancelKill",
        END,
        owner::cancel_kill,
        &[ENDED, KEY],
        Shape::Record(COMMAND),
        "Takes the announcement back"
    ),
    method!(
        "chequebook_kill",
        END,
        owner::kill,
        &[ENDED, KEY],
        Shape::Record(COMMAND),
        "Ends a chequebook, and takes its balance, also what payees have not cashed"
    ),
    method!(
        "chequebook_receive",
        RECEIVE,
        payee::receive,
        &[CHEQUE],
        Shape::Record(&[
            ("chequebook", Kind::Address, false),
            ("beneficiary", Kind::Address, false),
            ("asset", Kind::Text, false),
            ("amount", Kind::Amount, false),
            ("added", Kind::Amount, false),
            ("credit", Kind::Amount, false),
        ]),
        "Checks a cheque, makes it durable, and answers what it adds; a second time that is nothing"
    ),
    method!(
        "chequebook_check",
        READ,
        payee::check,
        &[CHEQUE],
        Shape::Record(&[
            ("chequebook", Kind::Address, false),
            ("beneficiary", Kind::Address, false),
            ("signer", Kind::Address, false),
            ("asset", Kind::Text, false),
            ("amount", Kind::Amount, false),
            ("pays", Kind::Amount, false),
            ("balance", Kind::Amount, false),
            ("noticeSeconds", Kind::Number, false),
            ("state", Kind::Text, false),
            ("killableAt", Kind::Number, true),
        ]),
        "Checks a cheque against the chain and the policy, and stores nothing"
    ),
    method!(
        "chequebook_list",
        READ,
        payee::list,
        &[optional("skip", Kind::Number, "how many rows to leave out"), LIMIT],
        Shape::Rows(&[
            ("chequebook", Kind::Address, false),
            ("beneficiary", Kind::Address, false),
            ("uncashed", Kind::Amount, false),
            ("unacknowledged", Kind::Amount, false),
            ("since", Kind::Number, true),
        ]),
        "What can be cashed, by payer"
    ),
    method!(
        "chequebook_exposure",
        READ,
        payee::exposure,
        &[optional("limit", Kind::Number, "how many rows, at most 100")],
        Shape::Rows(&[
            ("chequebook", Kind::Address, false),
            ("beneficiaries", Kind::Number, false),
            ("uncashed", Kind::Amount, false),
            ("balance", Kind::Amount, true),
            ("covered", Kind::Flag, true),
        ]),
        "What each chequebook owes, the largest first, and whether its balance covers that"
    ),
    method!(
        "chequebook_verify",
        READ,
        payee::verify,
        &[required("address", Kind::Address, "an address")],
        Shape::Object,
        "What stands at an address"
    ),
    method!(
        "chequebook_transactions",
        READ,
        transactions::transactions,
        &[
            by_name("final", Kind::Flag, "those that are final; default: those that are not"),
            by_name("after", Kind::Number, "only those with a higher nonce"),
            by_name("limit", Kind::Number, "how many, at most 1000"),
        ],
        Shape::Rows(&[
            ("purpose", Kind::Text, false),
            ("chequebook", Kind::Address, true),
            ("beneficiary", Kind::Address, true),
            ("amount", Kind::Amount, true),
            ("nonce", Kind::Number, false),
            ("transaction", Kind::Hash, false),
            ("status", Kind::Text, false),
            ("block", Kind::Number, true),
            ("cancelled", Kind::Flag, false),
            ("refusal", Kind::Text, true),
        ]),
        "Transactions of the account, by nonce"
    ),
    method!(
        "chequebook_reprice",
        SPEND,
        transactions::reprice,
        &[
            NONCE,
            required("maxFeePerGas", Kind::Amount, "the most for each gas, in wei"),
            required("priorityFeePerGas", Kind::Amount, "of that, for validators, in wei"),
        ],
        Shape::Record(CHANGED),
        "Offers more for a transaction"
    ),
    method!(
        "chequebook_cancelTransaction",
        SPEND,
        transactions::cancel,
        &[NONCE],
        Shape::Record(CHANGED),
        "Replaces a transaction by one that does nothing"
    ),
    method!(
        "chequebook_status",
        READ,
        itself::status,
        &[],
        Shape::Record(&[
            ("version", Kind::Text, false),
            ("chainId", Kind::Number, false),
            ("account", Kind::Address, false),
            ("asset", Kind::Text, false),
            ("chequebooks", Kind::Number, false),
            ("openTransactions", Kind::Number, false),
            ("openInboxes", Kind::Number, false),
            ("chainSeen", Kind::Flag, false),
            ("ready", Kind::Flag, false),
        ]),
        "How the service stands"
    ),
    method!(
        "chequebook_authenticate",
        None,
        itself::authenticate,
        &[required("token", Kind::Text, "a token")],
        Shape::Record(&[("name", Kind::Text, false), ("scopes", Kind::Text, false), ("expires", Kind::Number, true)]),
        "Shows a token for the rest of a WebSocket; over HTTP the header Authorization does"
    ),
    method!("rpc.discover", None, discover, &[], Shape::Object, "This document"),
];

async fn discover(_state: Arc<State>, _call: Call) -> Answer {
    value(document())
}

/// The description of the service.
pub(crate) fn document() -> &'static Json {
    static DOCUMENT: LazyLock<Json> =
        LazyLock::new(|| openrpc::document(METHODS, SUBSCRIBE, UNSUBSCRIBE, NOTIFICATION));
    &DOCUMENT
}

/// All methods, as the server calls them.
///
/// # Errors
///
/// If two have one name.
pub(crate) fn module(state: Arc<State>) -> Result<RpcModule<State>, RegisterMethodError> {
    let mut module = RpcModule::from_arc(state);
    for method in METHODS {
        module.register_async_method(method.name, move |params, state, extensions| async move {
            let answered = call(method, params.as_str(), &state, &extensions).await;
            answered.map_err(|problem| {
                state.note(&problem);
                ErrorObjectOwned::from(problem)
            })
        })?;
    }
    module.register_subscription(SUBSCRIBE, NOTIFICATION, UNSUBSCRIBE, |_, pending, state, extensions| {
        events::subscribe(state, pending, extensions)
    })?;
    Ok(module)
}

/// Makes a call, if the caller may.
async fn call(method: &'static Method, params: Option<&str>, state: &Arc<State>, extensions: &Extensions) -> Answer {
    // The server puts it there; without it nobody may do anything.
    let peer = extensions.get::<Peer>().cloned();
    let peer = peer.ok_or_else(|| Problem::new(Refusal::Denied, "who calls is not known"))?;
    let caller = state.access.admits(&peer, method.scope)?;
    let args = Args::read(params, method.params)?;
    (method.run)(Arc::clone(state), Call { method: method.name, peer, caller, args }).await
}
