import { IpcError } from "../../shell/context";

/** What a question to Rust was last answered. Of several under way only the newest counts; the last good answer stays
 * while it is asked again. */
export class Asked<Value> {
	#ask: () => Promise<Value>;
	#value = $state.raw<Value | null>(null);
	#fault = $state.raw<IpcError | null>(null);
	#running = $state(false);
	#round = 0;

	constructor(ask: () => Promise<Value>) {
		this.#ask = ask;
	}

	/** `null` before the first answer. */
	get value(): Value | null {
		return this.#value;
	}

	/** Why the last try failed, until one succeeds. */
	get fault(): IpcError | null {
		return this.#fault;
	}

	get running(): boolean {
		return this.#running;
	}

	async again(): Promise<void> {
		this.#round += 1;
		const round = this.#round;
		this.#running = true;
		try {
			const value = await this.#ask();
			if (round === this.#round) this.put(value);
		} catch (thrown) {
			if (round === this.#round) this.#fault = IpcError.from(thrown);
		} finally {
			if (round === this.#round) this.#running = false;
		}
	}

	/** An answer that came another way. */
	put(value: Value): void {
		this.#value = value;
		this.#fault = null;
	}

	/** Nothing is known any more; answers still under way are for nobody. */
	forget(): void {
		this.#round += 1;
		this.#value = null;
		this.#fault = null;
		this.#running = false;
	}
}
