import ipaddr from "ipaddr.js";
import { z } from "zod";

/** A network in CIDR notation, such as `10.1.0.0/16` or `fd00::/8`. */
export const network = z
  .string()
  .refine(
    (text) => ipaddr.isValidCIDR(text),
    "must be a network in CIDR notation, such as 10.1.0.0/16",
  );
