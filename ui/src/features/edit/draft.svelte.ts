import type {
	Draft,
	DraftCheck,
	DraftContent,
	DraftFrom,
	DraftOriginal,
	OpenDraft,
	Port,
} from "../../ipc/port";
import { IpcError } from "../../shell/context";
import { Asked } from "../parts/asked.svelte";

const TYPING_WAIT_MS = 400;

/** What is opened: a draft that is kept, or the beginning of one. */
export type DraftStart = { draft: string } | DraftFrom;

/** A message that is being written. It is kept on this computer with every pause in typing, also where it is wrong. */
export class DraftEditor {
	#port: Port;
	#profile: string;
	#opening: Asked<OpenDraft>;
	#draft = $state.raw<Draft | null>(null);
	#check = $state.raw<DraftCheck | null>(null);
	#original = $state.raw<DraftOriginal | null>(null);
	#fault = $state.raw<IpcError | null>(null);
	#waiting = $state(false);
	#keeping: Promise<void> | null = null;
	#timer: ReturnType<typeof setTimeout> | undefined;
	#over = false;

	constructor(port: Port, profile: string, start: DraftStart) {
		this.#port = port;
		this.#profile = profile;
		this.#opening = new Asked(() =>
			"draft" in start ? this.#port.openDraft(start.draft) : this.#port.beginDraft(this.#profile, start),
		);
	}

	/** `null` before it is opened. */
	get draft(): Draft | null {
		return this.#draft;
	}

	get content(): DraftContent | null {
		return this.#draft?.content ?? null;
	}

	/** The message that it was made of; `null`: none, or its copy is not kept any more. */
	get original(): DraftOriginal | null {
		return this.#original;
	}

	/** What is wrong with what was last kept. */
	get check(): DraftCheck | null {
		return this.#check;
	}

	/** Everything that was typed is kept, and makes sense. */
	get sendable(): boolean {
		return !this.#waiting && this.#fault === null && this.#check?.troubles.length === 0;
	}

	/** Something was typed that is not kept yet. */
	get waiting(): boolean {
		return this.#waiting;
	}

	/** Why it could not be opened. */
	get openFault(): IpcError | null {
		return this.#opening.fault;
	}

	/** Why it could not be kept. `draftChanged`: another window kept it since. */
	get fault(): IpcError | null {
		return this.#fault;
	}

	async open(): Promise<void> {
		await this.#opening.again();
		const opened = this.#opening.value;
		if (!opened || this.#opening.fault) return;
		this.#draft = opened.draft;
		this.#original = opened.original;
		this.#check = opened.check;
		this.#fault = null;
		this.#waiting = false;
	}

	change(part: Partial<DraftContent>): void {
		const draft = this.#draft;
		if (!draft || this.#over) return;
		this.#draft = { ...draft, content: { ...draft.content, ...part } };
		this.#waiting = true;
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.keep(), TYPING_WAIT_MS);
	}

	/** As the message came. */
	revert(): void {
		const original = this.#original;
		if (!original) return;
		const { body, properties, headers } = original;
		this.change({ body, properties, headers, asText: false });
	}

	/** Keeps it now. `true`: it is kept as it is on screen. */
	async keep(): Promise<boolean> {
		clearTimeout(this.#timer);
		await this.#keeping;
		const draft = this.#draft;
		if (!draft || this.#over || (!this.#waiting && draft.revision > 0)) return this.#fault === null;
		this.#keeping = this.#keepOnce(draft);
		await this.#keeping;
		this.#keeping = null;
		return this.#fault === null;
	}

	/** What is here instead of what the other window kept. */
	async keepMine(): Promise<void> {
		const draft = this.#draft;
		if (!draft) return;
		try {
			const { draft: theirs } = await this.#port.openDraft(draft.id);
			this.#draft = { ...draft, revision: theirs.revision };
		} catch (thrown) {
			if (IpcError.from(thrown).code !== "notFound") {
				this.#fault = IpcError.from(thrown);
				return;
			}
			// It was given up there: what is here becomes one of its own.
			this.#draft = { ...draft, id: crypto.randomUUID(), revision: 0 };
		}
		this.#fault = null;
		this.#waiting = true;
		await this.keep();
	}

	/** What the other window kept instead of what is here. */
	async takeTheirs(): Promise<void> {
		const draft = this.#draft;
		if (!draft) return;
		try {
			const opened = await this.#port.openDraft(draft.id);
			this.#draft = opened.draft;
			this.#check = opened.check;
			this.#fault = null;
			this.#waiting = false;
		} catch (thrown) {
			this.#fault = IpcError.from(thrown);
		}
	}

	/** The same as a message of its own, to be published; its id. The one that it is a copy of stays. */
	async asCopy(): Promise<string | null> {
		const draft = this.#draft;
		if (!draft) return null;
		const queue = this.#original?.failedIn ?? draft.source?.queue ?? "";
		const to: DraftContent["to"] =
			draft.content.to.kind === "place"
				? draft.content.to
				: { kind: "place", target: { kind: "queue", queue } };
		const copy: Draft = {
			...draft,
			id: crypto.randomUUID(),
			purpose: "publish",
			revision: 0,
			content: { ...draft.content, to },
		};
		try {
			await this.#port.keepDraft(copy);
			return copy.id;
		} catch (thrown) {
			this.#fault = IpcError.from(thrown);
			return null;
		}
	}

	/** It is done with, or given up: nothing of it is kept any more from here. */
	end(): void {
		this.#over = true;
		clearTimeout(this.#timer);
	}

	async giveUp(): Promise<void> {
		this.end();
		if (this.#draft && this.#draft.revision > 0) await this.#port.giveUpDraft(this.#draft.id);
	}

	/** The window goes elsewhere: what was typed last is kept too. */
	close(): void {
		if (this.#waiting && !this.#over) void this.keep();
	}

	async #keepOnce(draft: Draft): Promise<void> {
		try {
			const { revision, changedAt, check } = await this.#port.keepDraft(draft);
			const now = this.#draft;
			// Typed meanwhile: it is kept next.
			this.#waiting = now?.content !== draft.content;
			this.#draft = { ...(now ?? draft), revision, changedAt };
			if (!this.#waiting) this.#check = check;
			else this.#timer = setTimeout(() => void this.keep(), TYPING_WAIT_MS);
			this.#fault = null;
		} catch (thrown) {
			this.#fault = IpcError.from(thrown);
		}
	}
}
