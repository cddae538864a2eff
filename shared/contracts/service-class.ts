/** Service classes, first served first. The number is stored with the job and orders the queue. */
export const serviceClasses = { priority: 0, default: 1, flex: 2, batch: 3 } as const;

export type ServiceClass = keyof typeof serviceClasses;
