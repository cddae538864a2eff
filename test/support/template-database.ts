/** New test databases are copies of this one, which the run's setup migrates. */
export const TEMPLATE_DATABASE = "spillway_template";
