import { BrokerError } from "../../shared/errors/broker-error.ts";
import { isUploadPurpose, PURPOSES, type UploadPurpose } from "../../shared/files/file-purpose.ts";
import { MAX_EXPIRY_S, MIN_EXPIRY_S } from "../../shared/files/file-expiry.ts";

const ANCHOR = "expires_after[anchor]";
const SECONDS = "expires_after[seconds]";

/** Each check describes what is wrong with a field's value. */
const checks = new Map<string, (value: string) => string | undefined>([
  ["purpose", (value) => (isUploadPurpose(value) ? undefined : PURPOSES)],
  [ANCHOR, (value) => (value === "created_at" ? undefined : "it must be 'created_at'.")],
  [
    SECONDS,
    (value) =>
      /^\d{1,9}$/.test(value) && Number(value) >= MIN_EXPIRY_S && Number(value) <= MAX_EXPIRY_S
        ? undefined
        : `it must be a whole number from ${MIN_EXPIRY_S} to ${MAX_EXPIRY_S}.`,
  ],
]);

/** The fields of a form beside its file. */
export class UploadFields {
  readonly #values = new Map<string, string>();

  /**
   * Checks a field as it comes, since it may come before the file. Throws `BrokerError`
   * `invalid_request` for an unknown field, a second one of a name, or a wrong value.
   */
  add(name: string, value: string): void {
    const check = checks.get(name);
    if (check === undefined) refuseField(name, "this form has no such field.");
    if (this.#values.has(name)) refuseField(name, "it is given twice.");
    const problem = check(value);
    if (problem !== undefined) refuseField(name, problem);
    this.#values.set(name, value);
  }

  /**
   * Returns the values of the whole form. Throws `BrokerError` `invalid_request` when a field is
   * missing.
   */
  values(): { readonly purpose: UploadPurpose; readonly expiresAfterS: number } {
    const purpose = this.#values.get("purpose") ?? "";
    if (!isUploadPurpose(purpose)) refuseField("purpose", `it is missing; ${PURPOSES}`);
    const seconds = this.#values.get(SECONDS);
    if (this.#values.has(ANCHOR) !== (seconds !== undefined))
      refuseField(
        seconds === undefined ? SECONDS : ANCHOR,
        "an expiry needs both an anchor and seconds.",
      );
    return { purpose, expiresAfterS: Number(seconds ?? MAX_EXPIRY_S) };
  }
}

/** Throws `BrokerError` `invalid_request` for a part of the form. */
export function refuseField(name: string, why: string): never {
  const param = name.slice(0, 64);
  throw new BrokerError("invalid_request", `${param}: ${why}`, { param });
}
