import type { Port, SearchEnd, SearchHit, SearchStep } from "../../ipc/port";
import { IpcError } from "../../shell/context";

/** A search in the messages of all captures: what it found is shown while it goes on. */
export class CaptureSearch {
	#port: Port;
	#profile: string;
	#text = $state("");
	#hits = $state.raw<SearchHit[]>([]);
	#step = $state.raw<Omit<SearchStep, "hits"> | null>(null);
	#end = $state.raw<SearchEnd | null>(null);
	#fault = $state.raw<IpcError | null>(null);
	#abort: AbortController | null = null;

	constructor(port: Port, profile: string) {
		this.#port = port;
		this.#profile = profile;
	}

	/** What is looked for; empty: nothing. */
	get text(): string {
		return this.#text;
	}

	get hits(): SearchHit[] {
		return this.#hits;
	}

	/** How far it has come; `null` before the first word. */
	get step(): Omit<SearchStep, "hits"> | null {
		return this.#step;
	}

	/** Set once it has looked at everything it was to look at. */
	get end(): SearchEnd | null {
		return this.#end;
	}

	get running(): boolean {
		return this.#text !== "" && this.#end === null && this.#fault === null;
	}

	/** It was stopped; what it had found stays. */
	get stopped(): boolean {
		return this.#fault?.code === "cancelled";
	}

	get fault(): IpcError | null {
		return this.stopped ? null : this.#fault;
	}

	async run(text: string): Promise<void> {
		this.forget();
		const abort = new AbortController();
		this.#abort = abort;
		this.#text = text;
		const onprogress = ({ hits, searched, of }: SearchStep) => {
			if (this.#abort !== abort) return;
			if (hits.length > 0) this.#hits = [...this.#hits, ...hits];
			this.#step = { searched, of };
		};
		try {
			const end = await this.#port.searchCaptures(
				{ profile: this.#profile, text },
				{ onprogress, signal: abort.signal },
			);
			if (this.#abort === abort) this.#end = end;
		} catch (thrown) {
			if (this.#abort === abort) this.#fault = IpcError.from(thrown);
		}
	}

	stop(): void {
		this.#abort?.abort();
	}

	/** Nothing is looked for any more. */
	forget(): void {
		this.#abort?.abort();
		this.#abort = null;
		this.#text = "";
		this.#hits = [];
		this.#step = null;
		this.#end = null;
		this.#fault = null;
	}
}
