import type { CaptureView, ImportProgress, Port } from "../../ipc/port";
import { IpcError } from "../../shell/context";

/** The name that a file proposes for its snapshot. */
export function nameOfFile(path: string): string {
	const file = path.split(/[\\/]/).at(-1) ?? "";
	return file.replace(/\.[A-Za-z0-9]+$/, "").trim();
}

/** One import, from its start to its end. */
export class Import {
	#port: Port;
	#progress = $state.raw<ImportProgress | null>(null);
	#running = $state(false);
	#fault = $state.raw<IpcError | null>(null);
	#abort: AbortController | null = null;

	constructor(port: Port) {
		this.#port = port;
	}

	get running(): boolean {
		return this.#running;
	}

	get progress(): ImportProgress | null {
		return this.#progress;
	}

	get fault(): IpcError | null {
		return this.#fault;
	}

	/** `null`: it failed or was stopped; nothing of it is left. */
	async run(path: string, name: string, profile: string | null): Promise<CaptureView | null> {
		this.forget();
		this.#running = true;
		this.#abort = new AbortController();
		const onprogress = (progress: ImportProgress) => {
			this.#progress = progress;
		};
		try {
			return await this.#port.importCapture(path, name, profile, { onprogress, signal: this.#abort.signal });
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
}
