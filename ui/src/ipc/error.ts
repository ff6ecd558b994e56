import type { Fault, FaultCode } from "./generated/bindings";

/** All that is known of something thrown, for a report. Some engines leave the message out of the stack. */
export function detailOf(thrown: unknown): string {
	if (!(thrown instanceof Error)) return String(thrown);
	const { message, stack = "" } = thrown;
	return stack.includes(message) ? stack || message : `${message}\n${stack}`;
}

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
		return new IpcError({
			code: "other",
			message: words,
			remedy: null,
			detail: detailOf(thrown),
			retryable: false,
		});
	}
}

function isFault(thrown: unknown): thrown is Fault {
	return typeof thrown === "object" && thrown !== null && "code" in thrown && "message" in thrown;
}
