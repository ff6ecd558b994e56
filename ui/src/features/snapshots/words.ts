import type { CaptureView } from "../../ipc/port";
import { day } from "../../kit/format";

/** How long it is kept, for a column: "until removed", "until 20 Dec 2026". */
export function keptWords({ kept }: CaptureView): string {
	switch (kept.kind) {
		case "always":
			return "until removed";
		case "whileNeeded":
			return "while needed";
		case "until":
			return `until ${day(kept.at)}`;
		case "whileThereIsRoom":
			return "while there is room";
	}
}

/** Why it is kept so long, as a sentence. */
export function keptWhy({ kept, heldBy }: CaptureView): string {
	switch (kept.kind) {
		case "always":
			return "It has a name: it stays until you remove it.";
		case "whileNeeded":
			return heldBy ? `It stays while it is needed: ${heldBy}.` : "It stays while it is needed.";
		case "until":
			return "Until then its job can be undone from it; less long only where room is needed.";
		case "whileThereIsRoom":
			return "It has no name: the oldest are dropped first when room is needed.";
	}
}

/** What is lost with it. */
export function removeWords({ source, messages, kept }: CaptureView): string {
	const copies = messages === 1 ? "The copy" : "The copies";
	const undo =
		source === "job" && kept.kind === "until" ? " What its job did cannot be undone without them." : "";
	return `${copies} cannot be brought back.${undo} Nothing changes at the broker.`;
}

/** A filter that looks for just that text. */
export const textFilter = (text: string): string =>
	`"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
