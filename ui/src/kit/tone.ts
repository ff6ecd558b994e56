/** Status. Critical: work is blocked or being lost. Warning: it will be. Info: worth knowing. */
export type Tone = "crit" | "warn" | "ok" | "info";
