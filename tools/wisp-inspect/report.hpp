// What an inspection finds, as text for people and as JSON for programs: written as it comes, so memory stays
// bounded whatever an image or an initrd holds.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "wisp/cpio_list.hpp"
#include "wisp/cpio_read.hpp"
#include "wisp/fat32_locate.hpp"
#include "wisp/fat32_read.hpp"
#include "wisp/kernel_image.hpp"
#include "wisp/mbr.hpp"
#include "wisp/seekable.hpp"
#include "wisp/sink.hpp"
#include "wisp/text.hpp"

namespace wisp {

/// Is told what is found, in order: initrd(), entries, end(); or image(), then for each file file(), what it
/// is, end_file(), for each folder folder(), and end().
class Report {
public:
    Report() = default;
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;
    virtual ~Report() = default;

    virtual void initrd(std::uint64_t size) = 0;
    virtual void image(const fat32::Volume& volume) = 0;
    virtual void folder(const fat32::Item& item) = 0;
    virtual void file(const fat32::Item& item) = 0;
    virtual void kernel(const KernelInfo& info) = 0;
    /// The file is an initrd: its entries follow, then end_entries().
    virtual void begin_entries() = 0;
    virtual void entry(const NewcEntry& entry) = 0;
    virtual void end_entries() = 0;
    /// Why what the file looks like could not be read.
    virtual void problem(const std::string& text) = 0;
    virtual void end_file() = 0;
    virtual void end() = 0;
};

/// A partition of a disk, as the table has it, and its place there, from 1.
struct NumberedPartition {
    std::size_t number = 0;
    mbr::Partition entry{};

    /// The type as two hexadecimal digits.
    std::string type() const {
        const auto digits = hex8(entry.type);
        return {digits.end() - 2, digits.end()};
    }
};

/// The partitions in use on a disk; none where the volume takes all of it.
inline std::vector<NumberedPartition> partitions_of(const Seekable& disk) {
    std::vector<NumberedPartition> partitions;
    const auto table = fat32::find_partitions(disk).value_or(mbr::Table{});
    for (std::size_t i = 0; i < table.partitions.size(); ++i)
        if (table.partitions[i].type != 0) partitions.push_back({i + 1, table.partitions[i]});
    return partitions;
}

/// The number of a volume, as eight hexadecimal digits.
inline std::string id_of(const fat32::Volume& volume) {
    const auto id = hex8(volume.boot_sector().volume_id);
    return {id.begin(), id.end()};
}

/// The bytes of one FAT.
inline std::uint64_t fat_size_of(const fat32::Geometry& geometry) {
    return std::uint64_t{geometry.fat_sectors} * geometry.bytes_per_sector;
}

/// A line for each thing, what is in a file indented under it.
class TextReport : public Report {
public:
    explicit TextReport(Sink& out) : out_(out) {}

    void initrd(std::uint64_t) override { indent_ = ""; }

    void image(const fat32::Volume& volume) override {
        const fat32::Geometry& geometry = volume.geometry();
        out_.write("image   " + std::to_string(volume.disk().size()) + " bytes\n");
        for (const NumberedPartition& partition : partitions_of(volume.disk()))
            out_.write("partition " + std::to_string(partition.number) + ", type " + partition.type() +
                       (partition.entry.status == mbr::active ? ", active, " : ", ") +
                       std::to_string(std::uint32_t{partition.entry.sectors}) + " sectors from sector " +
                       std::to_string(std::uint32_t{partition.entry.first_sector}) + "\n");
        out_.write("volume  FAT32 '" + printable(volume.label()) + "', id " + id_of(volume) + ", at byte " +
                   std::to_string(geometry.volume_offset) + ", " + std::to_string(geometry.volume_bytes()) +
                   " bytes, " + std::to_string(geometry.clusters) + " clusters of " +
                   std::to_string(geometry.cluster_bytes()) + " bytes, " +
                   std::to_string(geometry.fat_count) + " FATs of " + std::to_string(fat_size_of(geometry)) +
                   " bytes\n");
    }

    void folder(const fat32::Item& item) override { out_.write("folder  " + printable(item.path) + "/\n"); }
    void file(const fat32::Item& item) override {
        out_.write("file    " + printable(item.path) + ", " + std::to_string(item.size) + " bytes\n");
    }
    void kernel(const KernelInfo& info) override {
        detail("kernel: " + std::string(to_text(info.form)) + ", " + info.arch + ", pages of " +
               std::to_string(info.page_size) + " bytes, " + printable(info.version));
    }
    void begin_entries() override {}
    void entry(const NewcEntry& entry) override { detail(list_line(entry)); }
    void end_entries() override {}
    void problem(const std::string& text) override { detail("problem: " + printable(text)); }
    void end_file() override {}
    void end() override {}

private:
    void detail(const std::string& line) { out_.write(std::string(indent_) + line + "\n"); }

    Sink& out_;
    std::string_view indent_ = "          ";
};

/// One JSON object, with a line for each file and each entry.
class JsonReport : public Report {
public:
    explicit JsonReport(Sink& out) : out_(out) {}

    void initrd(std::uint64_t size) override {
        open({{"type", "initrd"}, {"size", size}});
        begin_list("entries");
    }

    void image(const fat32::Volume& volume) override {
        const fat32::Geometry& geometry = volume.geometry();
        Json partitions = Json::array();
        for (const NumberedPartition& partition : partitions_of(volume.disk()))
            partitions.push_back({{"number", partition.number},
                                  {"type", partition.type()},
                                  {"active", partition.entry.status == mbr::active},
                                  {"first_sector", std::uint32_t{partition.entry.first_sector}},
                                  {"sectors", std::uint32_t{partition.entry.sectors}}});
        open({{"type", "image"},
              {"size", volume.disk().size()},
              {"partitions", partitions},
              {"volume",
               {{"label", printable(volume.label())},
                {"id", id_of(volume)},
                {"offset", geometry.volume_offset},
                {"size", geometry.volume_bytes()},
                {"cluster_size", geometry.cluster_bytes()},
                {"clusters", geometry.clusters},
                {"fats", geometry.fat_count},
                {"fat_size", fat_size_of(geometry)}}}});
        begin_list("files");
    }

    void folder(const fat32::Item& item) override {
        files_.next(out_);
        out_.write(dump({{"path", printable(item.path)}, {"type", "folder"}}));
    }

    void file(const fat32::Item& item) override {
        files_.next(out_);
        open({{"path", printable(item.path)}, {"type", "file"}, {"size", item.size}});
    }
    void kernel(const KernelInfo& info) override {
        member("kernel", {{"form", to_text(info.form)},
                          {"arch", info.arch},
                          {"page_size", info.page_size},
                          {"version", printable(info.version)},
                          {"raw_size", info.size}});
    }
    void begin_entries() override { begin_list("initrd"); }
    void entry(const NewcEntry& entry) override {
        entries_.next(out_);
        out_.write(dump(of(entry)));
    }
    void end_entries() override {
        out_.write("\n]");
        entries_ = {};
    }
    void problem(const std::string& text) override { member("problem", printable(text)); }
    void end_file() override { out_.write("}"); }
    void end() override { out_.write("\n]\n}\n"); }

private:
    using Json = nlohmann::ordered_json;

    /// Puts a comma between the elements of a list, and each on a line of its own.
    class Separator {
    public:
        void next(Sink& out) {
            out.write(first_ ? "\n" : ",\n");
            first_ = false;
        }

    private:
        bool first_ = true;
    };

    static Json of(const NewcEntry& entry) {
        Json json{{"path", printable(entry.name)},
                  {"mode", mode_text(entry.mode)},
                  {"nlink", entry.nlink},
                  {"uid", entry.uid},
                  {"gid", entry.gid},
                  {"size", entry.size},
                  {"mtime", entry.mtime}};
        if (is_device(entry)) json["rdev"] = {entry.rmaj, entry.rmin};
        if (!entry.target.empty()) json["target"] = printable(entry.target);
        return json;
    }

    /// A name may be no UTF-8; JSON must.
    static std::string dump(const Json& json) {
        return json.dump(-1, ' ', false, Json::error_handler_t::replace);
    }

    /// Writes an object that has members already, without its end.
    void open(const Json& object) {
        std::string text = dump(object);
        text.pop_back();
        out_.write(text);
    }
    void member(std::string_view key, const Json& value) {
        out_.write(",\"" + std::string(key) + "\":" + dump(value));
    }
    void begin_list(std::string_view key) { out_.write(",\"" + std::string(key) + "\":["); }

    Sink& out_;
    Separator files_;
    Separator entries_;
};

} // namespace wisp
