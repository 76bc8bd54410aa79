// What a task of your own is made of, and the program around it.
#pragma once
#include "engine/engine.h"
#include "tasks/command/cli.h"
#include "tasks/io/metrics.h"
#include "tasks/io/tensorboard.h"
#include "tasks/report/report.h"
#include "tasks/settings/registry.h"
#include "tasks/training/run_folder.h"
#include "tasks/training/task.h"
#include "tasks/training/train.h"
