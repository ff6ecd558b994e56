import type { CheckStep, Port, ProfileDraft } from "../../ipc/port";
import { IpcError } from "../../shell/context";

/** One test of a connection: a list of steps that fills while it runs. It reads only. */
export class ConnectionTest {
	#port: Port;
	#steps = $state.raw<CheckStep[]>([]);
	#running = $state(false);
	#endedAt = $state<string | null>(null);
	#tookMs = $state(0);
	#fault = $state.raw<IpcError | null>(null);
	#round = 0;

	constructor(port: Port) {
		this.#port = port;
	}

	get steps(): CheckStep[] {
		return this.#steps;
	}

	get running(): boolean {
		return this.#running;
	}

	/** When the last one ended; `null`: none has. */
	get endedAt(): string | null {
		return this.#endedAt;
	}

	get tookMs(): number {
		return this.#tookMs;
	}

	/** It could not be carried out at all. */
	get fault(): IpcError | null {
		return this.#fault;
	}

	get failed(): number {
		return this.#steps.filter((step) => step.outcome === "failed").length;
	}

	get limited(): number {
		return this.#steps.filter((step) => step.outcome === "limited").length;
	}

	async run(draft: ProfileDraft, secret: string | null): Promise<void> {
		this.#round += 1;
		const round = this.#round;
		const began = performance.now();
		this.#steps = [];
		this.#fault = null;
		this.#endedAt = null;
		this.#running = true;
		try {
			await this.#port.checkConnection(draft, secret, (step) => {
				if (round === this.#round) this.#put(step);
			});
		} catch (thrown) {
			if (round === this.#round) this.#fault = IpcError.from(thrown);
		}
		if (round !== this.#round) return;
		this.#running = false;
		this.#endedAt = new Date().toISOString();
		this.#tookMs = performance.now() - began;
	}

	/** What it found does not hold any more: something was changed in the form. */
	forget(): void {
		this.#round += 1;
		this.#steps = [];
		this.#running = false;
		this.#endedAt = null;
		this.#fault = null;
	}

	#put(step: CheckStep): void {
		const at = this.#steps.findIndex((one) => one.name === step.name);
		this.#steps = at < 0 ? [...this.#steps, step] : this.#steps.with(at, step);
	}
}
