import type { CaptureView, LookOffer, PeekEnd, PeekProgress, Port } from "../../ipc/port";
import { IpcError } from "../../shell/context";
import { Asked } from "../parts/asked.svelte";

const COUNT_MAX = 10_000;
const COUNT_FIRST = 16;
const TYPING_WAIT_MS = 250;

/** Looks at one queue: what the next one would cost, and how the last one ended. */
export class Peek {
	#port: Port;
	#profile: string;
	#queue: string;
	#offer: Asked<LookOffer>;
	#n = $state(COUNT_FIRST);
	#progress = $state.raw<PeekProgress | null>(null);
	#running = $state(false);
	#end = $state.raw<PeekEnd | null>(null);
	#endedAt = $state<string | null>(null);
	#again = $state.raw<CaptureView | null>(null);
	#fault = $state.raw<IpcError | null>(null);
	#abort: AbortController | null = null;
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(port: Port, profile: string, queue: string) {
		this.#port = port;
		this.#profile = profile;
		this.#queue = queue;
		this.#offer = new Asked(() => port.offerLook(profile, queue, this.#n));
	}

	/** How many are asked for. */
	get n(): number {
		return this.#n;
	}

	/** What the next look would do; `null` before the first answer. */
	get offer(): LookOffer | null {
		return this.#offer.value;
	}

	get offerFault(): IpcError | null {
		return this.#offer.fault;
	}

	get running(): boolean {
		return this.#running;
	}

	get progress(): PeekProgress | null {
		return this.#progress;
	}

	/** How the last one ended. */
	get end(): PeekEnd | null {
		return this.#end;
	}

	get endedAt(): string | null {
		return this.#endedAt;
	}

	/** What was read before and is shown again, as long as nothing new was read. */
	get again(): CaptureView | null {
		return this.#end ? null : this.#again;
	}

	/** The capture that is shown. */
	get capture(): string | null {
		return this.#end?.capture ?? this.#again?.id ?? null;
	}

	/** Why the last one failed. */
	get fault(): IpcError | null {
		return this.#fault;
	}

	choose(n: number): void {
		if (!Number.isFinite(n)) return;
		this.#n = Math.min(COUNT_MAX, Math.max(1, Math.trunc(n)));
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.ask(), TYPING_WAIT_MS);
	}

	/** Shows what was read before: that costs the broker nothing. */
	showAgain(capture: CaptureView): void {
		this.#again = capture;
	}

	/** What would it cost now? */
	async ask(): Promise<void> {
		await this.#offer.again();
	}

	async run(): Promise<void> {
		const cost = this.#offer.value?.cost;
		if (this.#running || !cost || cost.refusal) return;
		this.#running = true;
		this.#progress = null;
		this.#fault = null;
		this.#abort = new AbortController();
		try {
			this.#end = await this.#port.peekQueue(this.#profile, this.#queue, this.#n, cost, {
				signal: this.#abort.signal,
				onprogress: (progress) => (this.#progress = progress),
			});
			this.#endedAt = new Date().toISOString();
		} catch (thrown) {
			this.#fault = IpcError.from(thrown);
		} finally {
			this.#running = false;
		}
		// What it costs may have changed by it: counts rise.
		await this.ask();
	}

	cancel(): void {
		this.#abort?.abort();
	}

	/** Whoever asked has gone: what is held goes back. */
	close(): void {
		clearTimeout(this.#timer);
		this.cancel();
	}
}
