# frozen_string_literal: true

module Hyperglyph
  module Server
    # Where requests begin and end in the octets of a connection of HTTP/1.1, judged strictly: what servers below read
    # in more than one way is refused before they see it (REQ-SAFE-11, REQ-STATUS-7, REQ-STATUS-9).
    class Framing
      # Octets of a head, of the line of a chunk's size, and of the trailers.
      MAX_HEAD = 65_536
      MAX_NAME = 256
      MAX_SIZE_LINE = 256
      MAX_TRAILERS = 8_192
      ABSOLUTE = %r{https?://(?:[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=]|%\h\h)+}n.freeze
      LINE = %r{\A([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (/[!-~]*|\*|#{ABSOLUTE}) HTTP/1\.([01])\z}n.freeze
      # Methods that the servers below can read. REQ-METHOD-6: what is none of them is unknown everywhere.
      METHOD = /\A[A-Z]{1,20}\z/.freeze
      ALLOW = ["GET", "HEAD", *HTTP::Forms::UNSAFE_METHODS].freeze
      # Blanks around the value are taken off later: patterns for them take cubic time where many stand in a row.
      FIELD = /\A([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\x00-\x08\x0a-\x1f\x7f]*)\z/n.freeze
      SIZE = /\A(\h{1,15})(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?\r\n\z/n.freeze
      BARE = /(?<!\r)\n/n.freeze

      # max_body: octets of a body, max_url: of a request's target.
      def initialize(max_body:, max_url:)
        @max_body = max_body
        @max_url = max_url
        start
      end

      # How many of these octets, the next ones of the connection, belong to the message that is being read: all, or
      # those up to its end; and those of them that are for the server below: all but trailers, which say nothing
      # here, and which Puma reads in more than one way. Raises Refusal as soon as it is wrong.
      def take(octets)
        taken = 0
        passed = String.new(encoding: Encoding::BINARY)
        while taken < octets.bytesize && @state != :ended
          state = @state
          count = __send__(state, octets.byteslice(taken..))
          passed << octets.byteslice(taken, count) unless state == :trailers
          passed << "\r\n" if state == :trailers && @state == :ended
          taken += count
        end
        start if @state == :ended
        [taken, passed]
      end

      private

      # The states, each a method that says how many octets it took. The names come from this file alone.

      def start
        @state = :head
        @line = String.new(encoding: Encoding::BINARY)
        @body = @trailers = 0
      end

      def head(octets)
        taken = until_end("\r\n\r\n", octets)
        return judge(taken) if @line.end_with?("\r\n\r\n")

        refuse(414, "a URL of more than #{@max_url} octets") if !@line.include?("\n") && @line.bytesize > @max_url + 64
        refuse(431, "a head of more than #{MAX_HEAD} octets") if @line.bytesize > MAX_HEAD
        taken
      end

      # Appends to the line up to its end, which may have begun before.
      def until_end(ending, octets)
        from = [@line.bytesize - ending.bytesize + 1, 0].max
        before = @line.bytesize
        @line << octets
        stop = @line.index(ending, from)
        @line = @line.byteslice(0, stop + ending.bytesize) if stop
        refuse(400, "a line ends without CR") if @line.index(BARE, from)
        @line.bytesize - before
      end

      def judge(taken)
        first, *fields = @line.delete_suffix("\r\n\r\n").split("\r\n", -1)
        method, target, minor = LINE.match(first)&.captures
        refuse(414, "a URL of more than #{@max_url} octets") if first.bytesize > @max_url + 64
        refuse(400, "the request line cannot be read") if target.nil?
        refuse(414, "a URL of more than #{@max_url} octets") if target.bytesize > @max_url
        refuse(431, "a head of more than #{MAX_HEAD} octets") if @line.bytesize > MAX_HEAD
        raise Refusal.new(405, "there is no such method", allow: ALLOW) unless METHOD.match?(method)

        body(values(fields), minor)
        @line.clear
        taken
      end

      # The values of the fields that say where a body ends. Servers below may read `content_length` as one of them.
      def values(fields)
        found = { "content-length" => [], "transfer-encoding" => [] }
        fields.each do |field|
          name, value = FIELD.match(field)&.captures
          refuse(400, "a header line cannot be read") if name.nil?
          refuse(431, "the name of a header has more than #{MAX_NAME} octets") if name.bytesize > MAX_NAME
          refuse(400, "the name of a header reads as that of another one") if found.key?(name.downcase.tr("_", "-")) && name.include?("_")
          found[name.downcase]&.push(value.strip)
        end
        found
      end

      def body(values, minor)
        lengths, codings = values.values_at("content-length", "transfer-encoding")
        refuse(400, "Content-Length and Transfer-Encoding in one request") unless lengths.empty? || codings.empty?
        return chunked(codings, minor) unless codings.empty?

        refuse(400, "Content-Length is one number") unless lengths.empty? || (lengths.size == 1 && /\A\d+\z/.match?(lengths[0]))
        @left = lengths.first.to_i
        too_large if @left > @max_body
        @state = @left.zero? ? :ended : :length
      end

      def chunked(codings, minor)
        refuse(400, "HTTP/1.0 has no Transfer-Encoding") if minor == "0"
        refuse(501, "of transfer codings this server takes chunked, once") unless codings.map(&:downcase) == ["chunked"]
        @state = :size
      end

      def length(octets)
        taken = [@left, octets.bytesize].min
        @left -= taken
        @state = :ended if @left.zero?
        taken
      end

      # No more than a line may have is looked at: all that is there would be copied for each chunk.
      def size(octets)
        taken = until_end("\r\n", octets.byteslice(0, MAX_SIZE_LINE + 2))
        refuse(400, "the size of a chunk cannot be read") if @line.bytesize > MAX_SIZE_LINE
        return taken unless @line.end_with?("\r\n")

        digits = SIZE.match(@line)&.[](1) or refuse(400, "the size of a chunk cannot be read")
        @left = digits.hex
        too_large if (@body += @left) > @max_body
        @line.clear
        @state = @left.zero? ? :trailers : :chunk
        taken
      end

      def chunk(octets)
        taken = [@left, octets.bytesize].min
        @left -= taken
        @state = :chunk_end if @left.zero?
        taken
      end

      def chunk_end(octets)
        taken = until_end("\r\n", octets.byteslice(0, 2 - @line.bytesize))
        refuse(400, "a chunk is longer than its size") unless "\r\n".start_with?(@line)
        return taken unless @line.bytesize == 2

        @line.clear
        @state = :size
        taken
      end

      def trailers(octets)
        taken = until_end("\r\n", octets)
        refuse(431, "the trailers are too long") if (@trailers += taken) > MAX_TRAILERS
        return taken unless @line.end_with?("\r\n")

        ended = @line == "\r\n"
        refuse(400, "a trailer cannot be read") unless ended || FIELD.match?(@line.delete_suffix("\r\n"))
        @line.clear
        @state = :ended if ended
        taken
      end

      def too_large
        refuse(413, "a body of more than #{@max_body} octets")
      end

      def refuse(status, message)
        raise Refusal.new(status, message)
      end
    end
  end
end
