// Reads sequences from tables: CSV, TSV, and arrays whose rows are those of a table.
#pragma once
#include <string>
#include <string_view>

#include "tasks/io/tables/npy_view.h"
#include "tasks/sequences/sequence_set.h"
#include "tasks/sequences/sequence_settings.h"

namespace stillpoint {

// Append a table's sequences. A row is a sequence that ends before its empty cells, or a step of the one that
// its `id` names. Throw Error, with the file, the row and the column, if rows differ in length, a cell is not
// what the settings say, or a target is missing.
void append_csv(const std::string& where, std::string_view bytes, char separator,
                const SequenceSettings& settings, SequenceScan& scan);
void append_rows(const std::string& where, const NpyView& array, const SequenceSettings& settings,
                 SequenceScan& scan);

// Returns the number of a step. Throws Error if it is infinite, or NaN and missing numbers are refused.
float step_number(const Place& where, double value, const SequenceSettings& settings);
// Returns a finite number to learn.
float target_number(const Place& where, double value);

// Returns "3" for 3.0, "0.5" for 0.5, and an empty text for NaN.
std::string word_of(double value);

}  // namespace stillpoint
