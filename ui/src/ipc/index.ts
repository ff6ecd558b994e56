import { isTauri } from "@tauri-apps/api/core";
import type { Port } from "./port";
import { tauriPort } from "./tauri";

/** The door of this window: the real one, or the fake one where a page under development runs in a plain browser. */
export async function openPort(): Promise<Port> {
	if (import.meta.env.MODE === "production") return tauriPort();
	if (isTauri()) return tauriPort();
	const { fakePort } = await import("./fake");
	return fakePort();
}
