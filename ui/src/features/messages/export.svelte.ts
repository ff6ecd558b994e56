import type { CaptureView, Exported, ExportFormat, PeekProgress, Port } from "../../ipc/port";
import { IpcError } from "../../shell/context";

/** Which messages are exported. */
export type Scope = "chosen" | "filtered" | "all";

const NAME_MAX = 60;
const two = (n: number) => String(n).padStart(2, "0");

/** A file name for messages of that queue; what file systems do not like is left out of it. */
export function exportFileName(queue: string, at: Date, format: ExportFormat): string {
	const safe = queue.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[-.]+|[-.]+$/g, "");
	const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
	return `${safe.slice(0, NAME_MAX) || "messages"}-${day}-${two(at.getHours())}${two(at.getMinutes())}.${format}`;
}

/** In that folder, written as that system writes paths. */
export function exportPath(folder: string, name: string): string {
	return folder.includes("\\") ? `${folder}\\${name}` : `${folder}/${name}`;
}

interface Asked {
	capture: CaptureView;
	/** The filtered view on screen. */
	view: string;
	chosen: number[];
	scope: Scope;
	format: ExportFormat;
	path: string;
}

/** The same file name for another format; another ending that was written by hand stays. */
export function withFormat(path: string, format: ExportFormat): string {
	return path.replace(/\.(jsonl|csv)$/i, `.${format}`);
}

/** One export, from its start to its end. */
export class Export {
	#port: Port;
	#progress = $state.raw<PeekProgress | null>(null);
	#running = $state(false);
	#fault = $state.raw<IpcError | null>(null);
	#abort: AbortController | null = null;

	constructor(port: Port) {
		this.#port = port;
	}

	get running(): boolean {
		return this.#running;
	}

	get progress(): PeekProgress | null {
		return this.#progress;
	}

	get fault(): IpcError | null {
		return this.#fault;
	}

	/** `null`: it failed or was cancelled; nothing is left at the path. */
	async run(asked: Asked): Promise<Exported | null> {
		this.#running = true;
		this.#progress = null;
		this.#fault = null;
		this.#abort = new AbortController();
		try {
			return await this.#write(asked, this.#abort.signal);
		} catch (thrown) {
			const fault = IpcError.from(thrown);
			if (fault.code !== "cancelled") this.#fault = fault;
			return null;
		} finally {
			this.#running = false;
		}
	}

	cancel(): void {
		this.#abort?.abort();
	}

	forget(): void {
		this.#fault = null;
		this.#progress = null;
	}

	async #write(
		{ capture, view, chosen, scope, format, path }: Asked,
		signal: AbortSignal,
	): Promise<Exported> {
		const follow = { signal, onprogress: (progress: PeekProgress) => (this.#progress = progress) };
		if (scope === "chosen") return this.#port.exportView(view, chosen, format, path, follow);
		if (scope === "filtered") return this.#port.exportView(view, null, format, path, follow);
		const whole = await this.#port.openView({
			capture: capture.id,
			filter: "",
			sort: "position",
			descending: false,
		});
		try {
			return await this.#port.exportView(whole.view, null, format, path, follow);
		} finally {
			await this.#port.closeView(whole.view).catch(() => null);
		}
	}
}
