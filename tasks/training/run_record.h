// The record of its run that a checkpoint holds besides the tensors, checked field by field as settings are.
#pragma once
#include <cmath>
#include <string>

#include "engine/config.h"

namespace stillpoint {

struct RunRecord {
  std::string task = {};
  Json config = Json::object();  // settings of the task, which checks them
  std::int64_t step = -1, epoch = -1;
  double loss_sum = NAN;  // since the last row of the training loss
  std::int64_t loss_count = -1;
  // Records that are older than these fields have an empty text and -1.
  std::string content = {};      // hash of the data learnt from
  std::int64_t log_rows = -1;    // rows of metrics.jsonl when the checkpoint was written
  std::string best_metric = {};  // of the validation set, if it is watched
  double best_value = 0;
  std::int64_t best_step = -1, worse = 0;

  template <class F>
  void fields(F& f) {
    f("step", step, "steps done", at_least(0));
    f("epoch", epoch, "whole epochs done", at_least(0));
    f("loss_sum", loss_sum, "sum of the losses that no row has yet");
    f("loss_count", loss_count, "number of these losses", at_least(0));
    f("content", content, "hash of the picture or data set");
    f("log_rows", log_rows, "rows of metrics.jsonl; -1: not known", at_least(-1));
    f("best_metric", best_metric, "metric of the validation set that is watched");
    f("best_value", best_value, "its best value");
    f("best_step", best_step, "the step of that value; -1: none yet", at_least(-1));
    f("worse", worse, "evaluations since then", at_least(0));
  }
};

// Throws Error, which names `source`, if a field is missing (except content, log_rows and the watched
// metric), is unknown, is out of range or contradicts another.
RunRecord read_run_record(const Json& record, const std::string& source);
// Throws Error if the record does not fit a run with this number of steps, in all and per epoch, and a row
// every log_every steps.
void require_record_fits(const RunRecord& record, const std::string& source, std::int64_t steps,
                         std::int64_t per_epoch, std::int64_t log_every);
Json write_run_record(const RunRecord& record);

}  // namespace stillpoint
