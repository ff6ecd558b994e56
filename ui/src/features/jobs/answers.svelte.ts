import { SvelteMap } from "svelte/reactivity";
import type { Answer, AnswerFor, End, JobRow, JobView, Port } from "../../ipc/port";
import { IpcError } from "../../shell/context";

export const ANSWERS: Record<Answer, string> = {
	remove: "Remove",
	sendAgain: "Send again",
	sendCopy: "Send the copy",
	leave: "Leave",
};

/** What we would do, and why. */
export function recommendation(row: JobRow): { title: string; why: string } {
	switch (row.recommended) {
		case "remove":
			return { title: "Remove the original", why: "It arrived; the one in the queue is a duplicate." };
		case "sendAgain":
			return { title: "Send again", why: "It never arrived, and the original is still there." };
		case "sendCopy":
			return { title: "Send the copy", why: "It is only here: nothing is lost, and nobody has it." };
		case "leave":
			return { title: "Leave everything as it is", why: "Nothing needs to be done." };
		case null:
			return {
				title: "You decide",
				why: "Only one who knows the consumers can say whether it was worked on.",
			};
	}
}

export function endWords(end: End): string {
	switch (end.kind) {
		case "yes":
			return "Yes";
		case "no":
			return "No";
		case "notLooked":
			return "Not looked at";
		case "notApplicable":
			return "n/a";
	}
}

/** The answers to the open messages of one job: what is recommended is chosen from the start. */
export class Answers {
	#port: Port;
	#chosen = new SvelteMap<number, Answer>();
	#busy = $state(false);
	#fault = $state.raw<IpcError | null>(null);

	constructor(port: Port) {
		this.#port = port;
	}

	get busy(): boolean {
		return this.#busy;
	}

	get fault(): IpcError | null {
		return this.#fault;
	}

	/** `null`: not answered. */
	of(row: JobRow): Answer | null {
		const chosen = this.#chosen.get(row.n);
		if (chosen !== undefined && row.answers.includes(chosen)) return chosen;
		return row.recommended;
	}

	choose(row: JobRow, answer: Answer): void {
		this.#chosen.set(row.n, answer);
	}

	/** What would be applied now. */
	ready(job: JobView): AnswerFor[] {
		return job.rows.flatMap((row) => {
			const answer = row.answers.length > 0 ? this.of(row) : null;
			return answer === null ? [] : [{ n: row.n, answer }];
		});
	}

	/** How many stay in doubt until the user chooses. */
	open(job: JobView): number {
		return job.rows.filter((row) => row.answers.length > 0 && this.of(row) === null).length;
	}

	/** The job as it is then; `null`: why not is in `fault`. */
	async apply(job: JobView): Promise<JobView | null> {
		return this.#try(() => this.#port.answerJob(job.id, this.ready(job)));
	}

	async lookAgain(job: JobView): Promise<JobView | null> {
		return this.#try(() => this.#port.reconcileJob(job.id));
	}

	async stop(job: JobView): Promise<void> {
		await this.#try(() => this.#port.stopJob(job.id));
	}

	async #try<Value>(deed: () => Promise<Value>): Promise<Value | null> {
		this.#busy = true;
		this.#fault = null;
		try {
			return await deed();
		} catch (thrown) {
			this.#fault = IpcError.from(thrown);
			return null;
		} finally {
			this.#busy = false;
		}
	}
}
