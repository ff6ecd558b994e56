import type { CaptureSource, CaptureView, Port } from "../../ipc/port";
import { Asked } from "../parts/asked.svelte";

export const SOURCES: Record<CaptureSource, string> = {
	peek: "Peek",
	carefulLook: "Careful look",
	take: "Take",
	job: "Copies of a job",
	import: "Import",
};

/** What is kept on this computer of one connection: snapshots that were named, and captures that were not. */
export class CaptureList {
	readonly #asked: Asked<CaptureView[]>;
	#filter = $state("");

	constructor(port: Port, profile: string) {
		this.#asked = new Asked(() => port.listCaptures(profile));
	}

	get known(): boolean {
		return this.#asked.value !== null;
	}

	get fault() {
		return this.#asked.fault;
	}

	get filter(): string {
		return this.#filter;
	}

	get all(): CaptureView[] {
		return this.#asked.value ?? [];
	}

	/** Kept until they are removed. */
	get named(): CaptureView[] {
		return this.#matching.filter((capture) => capture.name !== null);
	}

	/** Dropped in time, the oldest first. */
	get unnamed(): CaptureView[] {
		return this.#matching.filter((capture) => capture.name === null);
	}

	/** On this computer, of all of them. */
	get bytes(): number {
		return this.all.reduce((sum, capture) => sum + capture.bytes, 0);
	}

	find(id: string | null): CaptureView | undefined {
		return this.all.find((capture) => capture.id === id);
	}

	filterBy(text: string): void {
		this.#filter = text;
	}

	async again(): Promise<void> {
		await this.#asked.again();
	}

	get #matching(): CaptureView[] {
		const wanted = this.#filter.trim().toLowerCase();
		return this.all.filter(({ name, queue, note }) =>
			`${name ?? ""} ${queue} ${note}`.toLowerCase().includes(wanted),
		);
	}
}
