// The connection: one WebSocket to where this page came from, which shows its token first, and comes back by itself.

/** Milliseconds. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 30_000;
/** A call that takes longer will not be answered. The node behind the service may be slow. */
const CALL = 120_000;
/** How often the other side must show that it is there, and how long it may take. */
const BEAT = 5_000;
const SILENCE = 10_000;
/** A connection that held for this long was a good one. */
const GOOD = 10_000;

/** The service's code for a call without a token that may make it. */
const DENIED = -31050;

export class CallError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Where the socket is: beside this page, without what a URL may carry besides. */
function target(page) {
  const url = new URL(".", page);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = "";
  url.hash = "";
  return url.href;
}

/**
 * Keeps a connection. `on` hears of it:
 * `state(state)`: connecting, live, denied (a token is missing or was refused), or lost, with `at`, when the next try is;
 * `begin(granted)`: it is live, with what the token may do; `beat(status)`: how the service stands; `event(event)`.
 */
export class Link {
  #on;
  #token; // nowhere else
  #socket;
  #calls = new Map();
  #next = 1;
  #failures = 0;
  #retry;
  #beat;

  constructor(on) {
    this.#on = on;
  }

  /** Connects, with a token if there is one, in place of the connection that there is. */
  connect(token = this.#token) {
    this.#token = token;
    this.#leave();
    this.#on.state({ name: "connecting" });
    const socket = new WebSocket(target(location.href));
    this.#socket = socket;
    // A socket that was left tells nothing any more.
    const ours = (work) => (event) => {
      if (this.#socket === socket) work(event);
    };
    socket.onopen = ours(() => this.#begin(socket));
    socket.onmessage = ours((event) => this.#hear(event.data));
    socket.onclose = ours(() => this.#lose());
    this.#retry = setTimeout(ours(() => this.#lose()), SILENCE);
  }

  /** Forgets the token, and waits for another. */
  forget() {
    this.#token = undefined;
    this.#deny();
  }

  get hasToken() {
    return this.#token !== undefined;
  }

  /** Makes a call. It fails with a `CallError`, or if the connection is lost. */
  call(method, params = [], limit = CALL) {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.reject(new Error("there is no connection"));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(id, (call) => call.reject(new Error("the service does not answer"))), limit);
      this.#calls.set(id, { resolve, reject, timer });
      socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  async #begin(socket) {
    clearTimeout(this.#retry);
    const began = Date.now();
    try {
      let granted;
      if (this.#token !== undefined) granted = await this.call("chequebook_authenticate", [this.#token], SILENCE);
      await this.call("chequebook_subscribe", [], SILENCE);
      if (this.#socket !== socket) return;
      this.#on.state({ name: "live" });
      this.#on.begin(granted);
      for (;;) {
        const status = await this.call("chequebook_status", [], SILENCE);
        if (this.#socket !== socket) return;
        if (Date.now() - began > GOOD) this.#failures = 0;
        this.#on.beat(status);
        await new Promise((resolve) => (this.#beat = setTimeout(resolve, BEAT)));
        if (this.#socket !== socket) return;
      }
    } catch (error) {
      if (this.#socket !== socket) return;
      if (error.code === DENIED) this.#deny(this.#token === undefined ? undefined : error.message);
      else this.#lose();
    }
  }

  #hear(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // it answers nothing: who waits for it will be told that nothing came
    }
    if (message?.method === "chequebook_event") this.#on.event(message.params?.result);
    else if (message?.error) {
      const { code, message: text } = message.error;
      this.#settle(message.id, (call) => call.reject(new CallError(code, text)));
    } else this.#settle(message?.id, (call) => call.resolve(message.result));
  }

  #settle(id, how) {
    const call = this.#calls.get(id);
    if (!call) return;
    this.#calls.delete(id);
    clearTimeout(call.timer);
    how(call);
  }

  /** Ends the connection that there is. */
  #leave() {
    clearTimeout(this.#retry);
    clearTimeout(this.#beat);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    for (const id of [...this.#calls.keys()]) this.#settle(id, (call) => call.reject(new Error("the connection is lost")));
  }

  #deny(reason) {
    this.#token = undefined;
    this.#failures = 0;
    this.#leave();
    this.#on.state({ name: "denied", reason });
  }

  #lose() {
    this.#leave();
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    const delay = wait / 2 + (Math.random() * wait) / 2; // many pages do not come back at the same moment
    this.#on.state({ name: "lost", at: Date.now() + delay });
    this.#retry = setTimeout(() => this.connect(), delay);
  }
}
