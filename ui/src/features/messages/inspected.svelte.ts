import type { BodyView, MessageView, Port } from "../../ipc/port";
import { IpcError } from "../../shell/context";

/** The message that the inspector shows. While the next one is read, the last one stays. */
export class Inspected {
	#port: Port;
	#capture: string;
	#n = $state<number | null>(null);
	#message = $state.raw<MessageView | null>(null);
	#body = $state.raw<BodyView | null>(null);
	#fault = $state.raw<IpcError | null>(null);
	#wanted = 0;

	constructor(port: Port, capture: string) {
		this.#port = port;
		this.#capture = capture;
	}

	get capture(): string {
		return this.#capture;
	}

	/** Its number in the capture. */
	get n(): number | null {
		return this.#n;
	}

	get message(): MessageView | null {
		return this.#message;
	}

	get body(): BodyView | null {
		return this.#body;
	}

	get fault(): IpcError | null {
		return this.#fault;
	}

	async show(n: number): Promise<void> {
		this.#n = n;
		this.#wanted += 1;
		const wanted = this.#wanted;
		try {
			const [message, body] = await Promise.all([
				this.#port.showMessage(this.#capture, n),
				this.#port.showBody(this.#capture, n),
			]);
			if (wanted !== this.#wanted) return;
			this.#message = message;
			this.#body = body;
			this.#fault = null;
		} catch (thrown) {
			if (wanted === this.#wanted) this.#fault = IpcError.from(thrown);
		}
	}

	/** Reads it again: what became of it may have changed. */
	async again(): Promise<void> {
		if (this.#n !== null) await this.show(this.#n);
	}

	close(): void {
		this.#wanted += 1;
		this.#n = null;
		this.#message = null;
		this.#body = null;
		this.#fault = null;
	}

	/** A part of the body, as bytes. */
	async read(n: number, from: number, len: number): Promise<ArrayBuffer> {
		return this.#port.readBody(this.#capture, n, from, len);
	}
}
