// Reads, checks and writes the record.
#include "tasks/training/run_record.h"

namespace stillpoint {

RunRecord read_run_record(const Json& record, const std::string& source) {
  const std::string where = source + ": its record";
  RunRecord read;
  Json numbers = record;
  require(record.is_object() && record.contains("task") && record["task"].is_string() &&
              record.contains("config") && record["config"].is_object(),
          where,
          " has no task and settings, expected both, use the checkpoint of a run of `stillpoint train`");
  read.task = record["task"].get<std::string>();
  read.config = record["config"];
  numbers.erase("task");
  numbers.erase("config");
  read_config(read, numbers, where);
  require(read.step >= 0 && read.epoch >= 0 && std::isfinite(read.loss_sum) && read.loss_count >= 0, where,
          " lacks step, epoch, loss_sum or loss_count, expected all four, use another checkpoint");
  require(
      read.epoch <= read.step && read.loss_count <= read.step && (read.loss_count > 0 || read.loss_sum == 0),
      where, " says that ", read.step, " steps are ", read.epoch, " epochs and ", read.loss_count,
      " losses make ", read.loss_sum, ", expected numbers of one run, use another checkpoint");
  return read;
}

void require_record_fits(const RunRecord& record, const std::string& source, std::int64_t steps,
                         std::int64_t per_epoch, std::int64_t log_every) {
  require(record.step <= steps && record.epoch == record.step / per_epoch &&
              record.loss_count == record.step % log_every,
          "train: given ", source, " of step ", record.step, " and epoch ", record.epoch, " with ",
          record.loss_count, " losses that no row has, expected at most step ", steps, " in epochs of ",
          per_epoch, " and a row every ", log_every, " steps, use the checkpoint with the run that wrote it");
}

Json write_run_record(const RunRecord& record) {
  Json out = {{"task", record.task}, {"config", record.config}};
  out.update(write_config(record));
  return out;
}

}  // namespace stillpoint
