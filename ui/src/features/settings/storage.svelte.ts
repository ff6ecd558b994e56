import type { CaptureView, Dropped, KeepLimits, Port, Room } from "../../ipc/port";
import { Asked } from "../parts/asked.svelte";

const GIB = 1024 ** 3;
const LARGEST = 10;

/** A kind of copies, and how much room they take. */
export interface Part {
	label: string;
	bytes: number;
	tone: "jobs" | "named" | "looks";
}

/** `2`, `0.5`: of the GiB that limits are counted in. */
export const inGib = (bytes: number): string => String(Number((bytes / GIB).toFixed(3)));

/** `null`: no amount of room. */
export function fromGib(text: string): number | null {
	const gib = Number(text.trim().replace(",", "."));
	return text.trim() === "" || !Number.isFinite(gib) || gib < 0 ? null : Math.round(gib * GIB);
}

/** What is kept on this computer, of all connections, and within which limits. */
export class Storage {
	readonly room: Asked<Room>;
	readonly #captures: Asked<CaptureView[]>;
	#port: Port;

	constructor(port: Port) {
		this.#port = port;
		this.room = new Asked(() => port.keepLimits());
		this.#captures = new Asked(() => port.listCaptures(null));
	}

	/** `null` before the first answer. */
	get captures(): CaptureView[] | null {
		return this.#captures.value;
	}

	get fault() {
		return this.room.fault ?? this.#captures.fault;
	}

	get bytes(): number {
		return (this.captures ?? []).reduce((sum, capture) => sum + capture.bytes, 0);
	}

	/** Snapshots, copies of jobs, and what was looked at. */
	get parts(): Part[] {
		const sum = (of: (capture: CaptureView) => boolean) =>
			(this.captures ?? []).filter(of).reduce((bytes, capture) => bytes + capture.bytes, 0);
		const isJob = ({ name, source }: CaptureView) => name === null && (source === "job" || source === "take");
		return [
			{ label: "Copies of jobs", tone: "jobs", bytes: sum(isJob) },
			{ label: "Snapshots", tone: "named", bytes: sum(({ name }) => name !== null) },
			{ label: "Peeks", tone: "looks", bytes: sum((one) => one.name === null && !isJob(one)) },
		];
	}

	/** Those that take the most room. */
	get largest(): CaptureView[] {
		return (this.captures ?? []).toSorted((a, b) => b.bytes - a.bytes).slice(0, LARGEST);
	}

	/** Of all captures of that connection. */
	bytesOf(profile: string): number {
		return (this.captures ?? []).reduce((sum, one) => sum + (one.profile === profile ? one.bytes : 0), 0);
	}

	async again(): Promise<void> {
		await Promise.all([this.room.again(), this.#captures.again()]);
	}

	/** What these limits would drop at once. */
	wouldDrop(limits: KeepLimits): Promise<Dropped> {
		return this.#port.wouldDrop(limits);
	}

	async setLimits(limits: KeepLimits): Promise<Dropped> {
		const dropped = await this.#port.setKeepLimits(limits);
		await this.again();
		return dropped;
	}
}
