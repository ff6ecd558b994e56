/** The broker inside the app: it has a card of its own and no form. */
export const SANDBOX = "sandbox";
