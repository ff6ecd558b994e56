import type { Fault, FaultCode } from "./generated/bindings";

/** What a call that failed throws. `code` is what the window branches on; the rest is for reading. */
export class IpcError extends Error {
	override name = "IpcError";
	readonly code: FaultCode;
	readonly remedy: string | null;
	/** The chain of causes, for copying. */
	readonly detail: string;
	/** The same call may succeed later without anybody changing anything. */
	readonly retryable: boolean;

	constructor(fault: Fault) {
		super(fault.message);
		this.code = fault.code;
		this.remedy = fault.remedy;
		this.detail = fault.detail;
		this.retryable = fault.retryable;
	}

	/** Whatever was thrown, as an error of the door. */
	static from(thrown: unknown): IpcError {
		if (thrown instanceof IpcError) return thrown;
		if (isFault(thrown)) return new IpcError(thrown);
		const words = thrown instanceof Error ? thrown.message : String(thrown);
		const detail = thrown instanceof Error ? (thrown.stack ?? words) : words;
		return new IpcError({ code: "other", message: words, remedy: null, detail, retryable: false });
	}
}

function isFault(thrown: unknown): thrown is Fault {
	return typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown;
}
