import type { Edit, EditPreview, EditStep, Port } from "../../ipc/port";
import { Remembered } from "../../kit/remembered.svelte";
import { Asked } from "../parts/asked.svelte";

/** As many as Rust shows at once. */
const SAMPLE_MAX = 20;
const TYPING_WAIT_MS = 300;

/** What a step is called. */
export const STEP_NAMES: Record<EditStep["kind"], string> = {
	setHeader: "Set a header",
	removeHeader: "Remove a header",
	renameHeader: "Rename a header",
	replaceText: "Replace text in the body",
	jq: "jq on a JSON body",
};

/** A step of that kind that says nothing yet. */
export function emptyStep(kind: EditStep["kind"]): EditStep {
	switch (kind) {
		case "setHeader":
			return { kind, name: "", value: { type: "text", value: "" } };
		case "removeHeader":
			return { kind, name: "" };
		case "renameHeader":
			return { kind, name: "", to: "" };
		case "replaceText":
			return { kind, pattern: "", with: "" };
		case "jq":
			return { kind, program: "" };
	}
}

/** Everything that it needs is typed. */
export function isWhole(step: EditStep): boolean {
	switch (step.kind) {
		case "setHeader":
			return step.name !== "" && (step.value.type !== "integer" || /^-?\d+$/.test(step.value.value));
		case "removeHeader":
			return step.name !== "";
		case "renameHeader":
			return step.name !== "" && step.to !== "";
		case "replaceText":
			return step.pattern !== "";
		case "jq":
			return step.program.trim() !== "";
	}
}

/** A rule that is being made, and what it would do to a sample. The draft outlives the window. */
export class RuleDraft {
	#port: Port;
	#capture: string;
	#sample: number[];
	#steps = new Remembered<EditStep[]>("edit.rule", []);
	#previews: Asked<EditPreview[]>;
	#timer: ReturnType<typeof setTimeout> | undefined;

	constructor(port: Port, capture: string, messages: number[]) {
		this.#port = port;
		this.#capture = capture;
		this.#sample = messages.slice(0, SAMPLE_MAX);
		this.#previews = new Asked(() => this.#port.previewEdit(this.#capture, this.#sample, this.edit));
		void this.#again();
	}

	get steps(): EditStep[] {
		return this.#steps.value;
	}

	get edit(): Edit {
		return { steps: this.#steps.value };
	}

	/** It changes something, and every step is whole. */
	get whole(): boolean {
		return this.steps.length > 0 && this.steps.every(isWhole);
	}

	/** What it does to the sample; `null`: not known. */
	get previews(): EditPreview[] | null {
		return this.whole ? this.#previews.value : null;
	}

	get previewing(): boolean {
		return this.#previews.running;
	}

	get fault() {
		return this.whole ? this.#previews.fault : null;
	}

	add(kind: EditStep["kind"]): void {
		this.#put([...this.steps, emptyStep(kind)]);
	}

	change(at: number, step: EditStep): void {
		this.#put(this.steps.map((one, n) => (n === at ? step : one)));
	}

	remove(at: number): void {
		this.#put(this.steps.filter((_, n) => n !== at));
	}

	load(edit: Edit): void {
		this.#put(edit.steps);
	}

	close(): void {
		clearTimeout(this.#timer);
	}

	#put(steps: EditStep[]): void {
		this.#steps.value = steps;
		this.#previews.forget();
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => void this.#again(), TYPING_WAIT_MS);
	}

	async #again(): Promise<void> {
		if (this.whole) await this.#previews.again();
	}
}
