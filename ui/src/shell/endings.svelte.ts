import { createContext } from "svelte";
import type { JobNotice } from "../ipc/port";
import type { Toasts } from "../kit/toasts.svelte";
import type { Events } from "./events";

/** Says what became of jobs that ran here, and offers to undo what can be undone. */
export class Endings {
	#toasts: Toasts;
	/** Jobs that somebody follows elsewhere, with what is to be said when they stop. */
	#followed = new Map<string, JobNotice | null>();
	#last = $state.raw<JobNotice | null>(null);
	#undoing = $state.raw<JobNotice | null>(null);

	constructor(toasts: Toasts, events: Events) {
		this.#toasts = toasts;
		events.on("jobEnded", (event) => event && this.#ended(event.notice));
	}

	/** The newest one that can be undone. */
	get last(): JobNotice | null {
		return this.#last;
	}

	/** Whose undoing is being planned. */
	get undoing(): JobNotice | null {
		return this.#undoing;
	}

	/** Somebody sees how these end: nothing is said of them until the returned function is called. */
	follow(jobs: string[]): () => void {
		for (const job of jobs) this.#followed.set(job, null);
		return () => {
			for (const job of jobs) {
				const notice = this.#followed.get(job);
				this.#followed.delete(job);
				if (notice) this.#say(notice);
			}
		};
	}

	/** Shows the plan of undoing it. */
	undo(notice: JobNotice): void {
		this.#undoing = notice;
	}

	undoLast(): void {
		if (this.#last) this.undo(this.#last);
	}

	close(): void {
		this.#undoing = null;
	}

	#ended(notice: JobNotice): void {
		if (notice.undoable) this.#last = notice;
		if (this.#followed.has(notice.job)) this.#followed.set(notice.job, notice);
		// What the user stopped is no news, unless something came of it that can be undone.
		else if (!notice.askedFor || notice.undoable) this.#say(notice);
	}

	#say(notice: JobNotice): void {
		this.#toasts.add({
			tone: notice.well ? "ok" : "warn",
			title: notice.title,
			text: [notice.text, notice.noUndo].filter(Boolean).join(". "),
			action: notice.undoable ? { label: "Undo…", run: () => this.undo(notice) } : undefined,
		});
	}
}

export const [useEndings, provideEndings] = createContext<Endings>();
