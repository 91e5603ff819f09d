// When to read again.

/** Reads one part when it is wanted, never twice at the same moment, and not more often than asked. */
export class Reader {
  #work;
  #isWanted;
  #timer;
  #due = Infinity;
  #done = 0;
  #isRunning = false;
  #again;

  /** `work` never fails. `isWanted` says whether anybody looks. */
  constructor(work, isWanted) {
    this.#work = work;
    this.#isWanted = isWanted;
  }

  /** Wants it read, this many milliseconds after the time before. */
  want(gap = 0) {
    if (!this.#isWanted()) return;
    if (this.#isRunning) {
      this.#again = Math.min(this.#again ?? Infinity, gap);
      return;
    }
    const due = Math.max(Date.now(), this.#done + gap);
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#run(), due - Date.now());
  }

  async #run() {
    this.#due = Infinity;
    this.#isRunning = true;
    await this.#work();
    this.#isRunning = false;
    this.#done = Date.now();
    const again = this.#again;
    this.#again = undefined;
    if (again !== undefined) this.want(again);
  }
}
