import type { ConnectionView } from "../../ipc/port";

/** Why nothing can be sent or removed over that connection now; `null`: it can. */
export function whyLocked(view: ConnectionView | undefined, name: string): string | null {
	if (view?.state.kind !== "open") return `Connect to ${name} first`;
	return view.writes.kind === "locked" ? `${name} is read-only: turn on writes first` : null;
}
