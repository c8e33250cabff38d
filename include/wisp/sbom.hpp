// The software bill of materials of a build: an SPDX 2.3 document in JSON [ISO/IEC 5962, SPDX 2.3 and its
// JSON schema].
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wisp/build_record.hpp"
#include "wisp/digest.hpp"
#include "wisp/json.hpp"
#include "wisp/licence.hpp"
#include "wisp/names.hpp"
#include "wisp/text.hpp"
#include "wisp/view.hpp"

namespace wisp {

/// The last second SPDX can spell: it takes times of ISO 8601 [SPDX 2.3, 6.9].
inline constexpr std::uint64_t max_spdx_time = max_iso8601;

/// The package URL of a distribution's package [ECMA-427].
inline std::string package_url(std::string_view type, std::string_view name, std::string_view package_version,
                               std::string_view arch) {
    const auto escaped = [](std::string_view text) {
        std::string safe;
        for (const char c : text) {
            const bool plain = is_spelt({&c, 1}, "-._~:", true);
            safe += plain ? std::string(1, c)
                          : "%" + std::string(hex8(static_cast<std::uint8_t>(c)).data() + 6, 2);
        }
        return safe;
    };
    std::string url = "pkg:" + std::string(type) + "/" + escaped(name) + "@" + escaped(package_version);
    return arch.empty() ? url : url + "?arch=" + escaped(arch);
}

/// Puts one document together, for which the record need not be complete; spdx_json() is the short way in.
class SpdxDocument {
public:
    explicit SpdxDocument(const BuildRecord& record) : record_(record) {
        relate("SPDXRef-DOCUMENT", "DESCRIBES", image);
        packages_.push_back(image_package());
        for (const auto& [id, facts] : record.origins()) {
            ids_[id] = "SPDXRef-Package-" + std::to_string(ids_.size() + 1);
            packages_.push_back(package(id, facts));
        }
        for (const auto& [path, file] : record.outputs()) add_output(path, file);
        for (const auto& [path, file] : record.files()) add_file(path, file);
        for (const auto& [path, id] : ids_of_files_) relate_to_holder(path, id);
    }

    /// The document, when the record is complete. `created` is in seconds since 1970, `creator` a tool's name and version.
    /// The object is spent.
    std::string json(std::uint64_t created, std::string_view creator) {
        for (const auto& [path, output] : outputs_)
            packages_[output.place]["checksums"] = Json::array({checksum("SHA256", record_.outputs().at(path).measure.sha256)});
        Json root{{"SPDXID", "SPDXRef-DOCUMENT"},
                  {"spdxVersion", "SPDX-2.3"},
                  {"dataLicense", "CC0-1.0"},
                  {"name", record_.target()},
                  {"creationInfo",
                   {{"created", iso8601(created)}, {"creators", Json::array({"Tool: " + std::string(creator)})}}}};
        root["packages"] = std::move(packages_); // a list in braces would copy them
        root["files"] = std::move(files_);
        root["relationships"] = std::move(relationships_);
        for (const auto& [said, id] : licences_.own())
            root["hasExtractedLicensingInfos"].push_back(
                {{"licenseId", id}, {"name", said}, {"extractedText", said}});
        root["documentNamespace"] = name_space(root.dump());
        return root.dump(2) + "\n";
    }

private:
    static constexpr const char* image = "SPDXRef-Image";
    static constexpr const char* unknown = "NOASSERTION";

    struct Output {
        std::string id{};
        std::size_t place = 0; ///< among the packages
    };

    /// A UUID of version 8 [RFC 9562, 5.8] made from the contents: the same document has the same name
    /// everywhere.
    static std::string name_space(std::string_view contents) {
        std::string digits = hex(digest_of(DigestAlgorithm::sha256, as_bytes(contents))).substr(0, 32);
        digits[12] = '8';
        digits[16] = "89ab"[(digits[16] >= 'a' ? digits[16] - 'a' + 2 : digits[16] - '0') & 3];
        for (const std::size_t dash : {20u, 16u, 12u, 8u}) digits.insert(dash, "-");
        return "urn:uuid:" + digits;
    }

    static Json checksum(const char* algorithm, const std::string& value) {
        return {{"algorithm", algorithm}, {"checksumValue", value}};
    }

    static std::string fact(const BuildRecord::Facts& facts, const std::string& name) {
        const auto found = facts.find(name);
        return found == facts.end() ? "" : found->second;
    }

    /// What every package has to say, whoever made it.
    static Json package_of(const std::string& id, const std::string& name) {
        return {{"SPDXID", id},
                {"name", name},
                {"downloadLocation", unknown},
                {"filesAnalyzed", false},
                {"licenseConcluded", unknown},
                {"licenseDeclared", unknown},
                {"copyrightText", unknown}};
    }

    /// All that was built.
    Json image_package() const {
        Json package = package_of(image, record_.target());
        package["primaryPackagePurpose"] = "OPERATING-SYSTEM";
        return package;
    }

    Json package(const std::string& id, const BuildRecord::Facts& facts) {
        const std::string name = fact(facts, "package");
        Json package = package_of(ids_[id], name.empty() ? id : name);
        package["downloadLocation"] = download_location(facts);
        package["licenseDeclared"] = licences_.expression(fact(facts, "licence"));
        if (const auto said = fact(facts, "version"); !said.empty()) package["versionInfo"] = said;
        if (const auto sum = fact(facts, "sha256"); !sum.empty())
            package["checksums"] = Json::array({checksum("SHA256", sum)});
        if (const auto source = source_info(facts); !source.empty()) package["sourceInfo"] = source;
        add_package_url(package, facts);
        return package;
    }

    static void add_package_url(Json& package, const BuildRecord::Facts& facts) {
        const std::string kind = fact(facts, "kind");
        if (kind != "alpine" && kind != "debian") return;
        const std::string url =
            package_url(kind == "alpine" ? "apk/alpine" : "deb/debian", fact(facts, "package"),
                        fact(facts, "version"), fact(facts, "architecture"));
        package["externalRefs"] = Json::array({Json{
            {"referenceCategory", "PACKAGE-MANAGER"}, {"referenceType", "purl"}, {"referenceLocator", url}}});
    }

    /// Where anybody can get the same bytes. A distribution's package has many mirrors; its package URL names
    /// it.
    static std::string download_location(const BuildRecord::Facts& facts) {
        return fact(facts, "kind") == "url" ? fact(facts, "source") : unknown;
    }

    /// Who vouches for it.
    static std::string source_info(const BuildRecord::Facts& facts) {
        std::string info;
        const auto add = [&](const std::string& text) { info += (info.empty() ? "" : "; ") + text; };
        if (const auto key = fact(facts, "key"); !key.empty()) add("signature checked with the key " + key);
        if (const auto release = fact(facts, "release"); !release.empty())
            add("apt checked the signed release of " + release);
        if (const auto pinned = fact(facts, "pinned"); !pinned.empty())
            add(pinned == "yes" ? "SHA-256 pinned" : "SHA-256 not pinned");
        return info;
    }

    /// An output is a package of one file: SPDX asks for SHA-1 of files [SPDX 2.3, 8.4], and a second pass over
    /// a whole image would tell nobody more.
    void add_output(const std::string& path, const RecordedFile& file) {
        const std::string id = "SPDXRef-Output-" + std::to_string(outputs_.size() + 1);
        Json package = package_of(id, path);
        package["packageFileName"] = "./" + path;
        package["primaryPackagePurpose"] = "FILE";
        if (const auto code = verification_code(path); !code.empty()) {
            package["filesAnalyzed"] = true;
            package["packageVerificationCode"] = {{"packageVerificationCodeValue", code}};
            package["licenseInfoFromFiles"] = Json::array({unknown});
        }
        outputs_[path] = {id, packages_.size()};
        packages_.push_back(std::move(package));
        relate(image, "CONTAINS", id);
        relate_to_origin(id, file);
    }

    /// SHA-1 over the sorted SHA-1s of the files that lie in an output [SPDX 2.3, 7.9]; "" where there are none.
    std::string verification_code(const std::string& output) const {
        std::vector<std::string> sums;
        for (const auto& [path, file] : record_.files())
            if (path.starts_with(output + "/")) sums.push_back(file.measure.sha1);
        if (sums.empty()) return "";
        std::sort(sums.begin(), sums.end());
        std::string all;
        for (const std::string& sum : sums) all += sum;
        return hex(digest_of(DigestAlgorithm::sha1, as_bytes(all)));
    }

    void add_file(const std::string& path, const RecordedFile& file) {
        const std::string id = "SPDXRef-File-" + std::to_string(files_.size() + 1);
        files_.push_back(
            {{"SPDXID", id},
             {"fileName", "./" + path},
             {"checksums", Json::array({checksum("SHA1", file.measure.sha1), checksum("SHA256", file.measure.sha256)})},
             {"licenseConcluded", unknown},
             {"licenseInfoInFiles", Json::array({unknown})},
             {"copyrightText", unknown}});
        ids_of_files_[path] = id;
        relate_to_origin(id, file);
    }

    void relate_to_origin(const std::string& id, const RecordedFile& file) {
        if (!file.origin.empty()) relate(id, "GENERATED_FROM", ids_.at(file.origin));
    }

    /// A file's path starts with that of the output that holds it or, as an initrd's on a card, with the name of a
    /// file that an output holds.
    void relate_to_holder(const std::string& path, const std::string& id) {
        for (const auto& [holder, output] : outputs_)
            if (path.starts_with(holder + "/")) return relate(output.id, "CONTAINS", id);
        const std::string first = path.substr(0, path.find('/'));
        for (const auto& [output_path, output] : outputs_)
            if (const auto holder = ids_of_files_.find(output_path + "/" + first); holder != ids_of_files_.end())
                relate(holder->second, "CONTAINS", id);
    }

    void relate(const std::string& from, const char* how, const std::string& to) {
        relationships_.push_back(
            {{"spdxElementId", from}, {"relationshipType", how}, {"relatedSpdxElement", to}});
    }

    const BuildRecord& record_;
    Licences licences_;
    std::map<std::string, std::string> ids_;
    std::map<std::string, Output> outputs_; // by path, as the files
    std::map<std::string, std::string> ids_of_files_;
    Json packages_ = Json::array();
    Json files_ = Json::array();
    Json relationships_ = Json::array();
};

/// The SPDX document of a build; the same record and time give the same bytes.
inline std::string spdx_json(const BuildRecord& record, std::uint64_t created, std::string_view creator) {
    return SpdxDocument(record).json(created, creator);
}

} // namespace wisp
