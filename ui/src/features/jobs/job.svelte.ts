import type { Bounces, JobView, Port, Resume } from "../../ipc/port";
import { IpcError } from "../../shell/context";

/** What can be done with a job, and how far that is. What it says of itself comes from the list of jobs. */
export class JobActs {
	#port: Port;
	#job: string;
	#busy = $state(false);
	#wish = $state<"pause" | "stop" | null>(null);
	#fault = $state.raw<IpcError | null>(null);
	#bounces = $state.raw<Bounces | null>(null);

	constructor(port: Port, job: string) {
		this.#port = port;
		this.#job = job;
	}

	get busy(): boolean {
		return this.#busy;
	}

	/** Why the last one failed. */
	get fault(): IpcError | null {
		return this.#fault;
	}

	/** What the last look for messages that came back has seen. */
	get bounces(): Bounces | null {
		return this.#bounces;
	}

	/** What was asked of it and has not happened yet: it ends between two messages, elsewhere a little later. */
	wishOf(job: JobView | undefined): "pause" | "stop" | null {
		return job?.state === "running" || job?.watchingUntil ? this.#wish : null;
	}

	async pause(): Promise<void> {
		if (await this.#try(() => this.#port.pauseJob(this.#job))) this.#wish = "pause";
	}

	/** Ends the job, or the watch for what comes back. */
	async stop(): Promise<void> {
		if (await this.#try(() => this.#port.stopJob(this.#job))) this.#wish = "stop";
	}

	/** `typed`: what has to be, where the job asks for it. */
	async resume(how: Resume, typed: string | null): Promise<boolean> {
		this.#wish = null;
		return this.#try(() => this.#port.resumeJob(this.#job, how, typed));
	}

	/** Looks once for messages that came back, where that is harmless. */
	async lookForBounces(): Promise<void> {
		await this.#try(async () => {
			this.#bounces = await this.#port.lookForBounces(this.#job);
		});
	}

	async #try(deed: () => Promise<unknown>): Promise<boolean> {
		this.#busy = true;
		this.#fault = null;
		try {
			await deed();
			return true;
		} catch (thrown) {
			this.#fault = IpcError.from(thrown);
			return false;
		} finally {
			this.#busy = false;
		}
	}
}
