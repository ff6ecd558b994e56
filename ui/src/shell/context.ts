// What features see of the shell.
export { IpcError } from "../ipc/error";
export { usePort } from "../ipc/port";
export { ENVIRONMENTS, useConnections } from "./connections.svelte";
export { useEndings } from "./endings.svelte";
export { useEvents } from "./events";
export { type Fresh, freshness, staleAfterMs } from "./freshness";
export { needsUser, useJobs } from "./jobs.svelte";
export { useKept } from "./kept";
export { type At, type Place, useNavigation } from "./navigation.svelte";
export { settled } from "./pace";
export { type Shortcut, viewShortcuts } from "./shortcuts.svelte";
