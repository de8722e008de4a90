import { createHmac } from "node:crypto";

/** Value of the header `gantry-signature`: HMAC-SHA-256 of the body, so that receivers know who sends. */
export function signWebhook(secret: string, body: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}
