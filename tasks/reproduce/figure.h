// Draws the paper's figures from runs and from textbook systems.
#pragma once
#include <filesystem>
#include <ostream>
#include <vector>

#include "tasks/reproduce/job.h"

namespace stillpoint {

// Fig. 2: Koopman eigenvalues of textbook systems on the complex plane, at least one for each of the four
// cases. Writes the files of each system to fig2/SYSTEM, and fig2.md, which shows them.
void write_spectra(const std::filesystem::path& folder, std::ostream& out);

// Fig. 4: training loss of the runs against their time (fig4-time.{svg,csv}) and against epochs
// (fig4-epochs...), and fig4.md. Runs without a log are left out.
void write_training_curves(const std::vector<Job>& jobs, const std::filesystem::path& folder,
                           std::ostream& out);

// Fig. 5: writes fig5.png, which has a row per picture with the truth and each model's prediction, and
// fig5.md, which has the order and each PSNR. Unfinished jobs are left out.
void write_predictions(const std::vector<Job>& jobs, const std::filesystem::path& folder, std::ostream& out);

}  // namespace stillpoint
