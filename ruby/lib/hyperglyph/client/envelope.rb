# frozen_string_literal: true

module Hyperglyph
  class Client
    # How arguments travel (standard, section 18.3).
    module Envelope
      module_function

      # The URL, the body (nil: none) and the headers that say what it is, pairs of text, for bound arguments.
      # Raises ArgumentsError and Unusable; nothing has been sent.
      def pack(envelope, url, arguments)
        case envelope
        when "form" then [url, message(arguments), own_type]
        when "query" then [query(url, arguments), nil, own_type]
        when "none" then none(url, arguments)
        when "blob" then blob(url, arguments)
        end
      rescue Codec::EncodeError => e
        raise ArgumentsError, "an argument cannot be encoded: #{e.message}"
      end

      def own_type
        [["Content-Type", HTTP::MEDIA_TYPE]]
      end

      def message(arguments)
        blobs = blobs(arguments)
        blobs.empty? ? Octets.new(Codec.encode(arguments)) : Message.new(arguments, blobs)
      end

      def query(url, arguments)
        raise Unusable, "its url has a query, and the arguments would be another" if HTTP::URL.query?(url)
        raise ArgumentsError, "a blob cannot travel in a query" unless blobs(arguments).empty?

        url = HTTP::URL.without_fragment(url)
        url = "#{url}?#{HTTP::Forms.percent_encode(Codec.encode(arguments))}" unless arguments.empty?
        HTTP::URL.target(url)
        url
      rescue HTTP::URL::Unfit => e
        raise ArgumentsError, "the arguments do not fit into a URL: #{e.message}"
      end

      def none(url, arguments)
        raise ArgumentsError, "it takes no arguments, and there are #{arguments.keys.join(', ')}" unless arguments.empty?

        [url, nil, own_type]
      end

      def blob(url, arguments)
        raise ArgumentsError, "it takes one argument, a blob, and there are #{arguments.size}" unless arguments.size == 1

        name, blob = arguments.first
        raise ArgumentsError, "#{name.inspect} must be a Hyperglyph::Blob, and is a #{blob.class}" unless blob.is_a?(Blob)

        type = blob.content_type
        raise ArgumentsError, "the content type of the blob is not printable ASCII" unless HTTP::Headers::PRINTABLE.match?(type)

        [url, Content.new(blob), [["Content-Type", type], ["Content-Disposition", HTTP::Forms.disposition(name)]]]
      end

      # All blobs, in the order in which they appear in the message.
      def blobs(value, found = [])
        case value
        when Blob then found << value
        when Array then value.each { |item| blobs(item, found) }
        when Hash then value.each_value { |member| blobs(member, found) }
        when Extension
          blobs(value.attributes, found)
          blobs(value.content, found)
        end
        found
      end
      private_class_method :own_type, :message, :query, :none, :blob, :blobs

      # Bodies: `length` in octets, nil if it is not known; `write_to(sink)` writes them by `sink.write`, as often
      # as it is `repeatable?`.

      # A body of octets that are there.
      class Octets
        def initialize(octets)
          @octets = octets
        end

        def length
          @octets.bytesize
        end

        def write_to(sink)
          sink.write(@octets)
        end

        def repeatable?
          true
        end
      end

      # A message with blobs, whose content is read while it is sent.
      class Message
        def initialize(value, blobs)
          @value = value
          @blobs = blobs
          @root = root
        end

        # That of the chunks as the encoder writes them (REQ-CAN-2).
        def length
          return if @blobs.any? { |blob| blob.size.nil? }

          @blobs.each_with_index.sum(@root.bytesize) { |blob, id| blob.size + framing(blob.size, id.to_s.size) }
        end

        def write_to(sink)
          Codec.encode_to(sink, @value)
        end

        def repeatable?
          @blobs.all?(&:size)
        end

        private

        # The encoder gives it first, when all has been judged.
        def root
          catch(:root) { Codec::Encoder.new.encode(@value) { |octets| throw :root, octets } }
        end

        # c0:65536: and ; of each chunk, and c0; behind them.
        def framing(size, id_size)
          whole, rest = size.divmod(Blob::CHUNK)
          octets = whole * (4 + id_size + Blob::CHUNK.to_s.size)
          octets += 4 + id_size + rest.to_s.size if rest.positive?
          octets + 2 + id_size
        end
      end

      # The octets of one blob.
      class Content
        def initialize(blob)
          @blob = blob
        end

        def length
          @blob.size
        end

        def write_to(sink)
          @blob.each_chunk { |piece| sink.write(piece) }
        end

        def repeatable?
          !@blob.size.nil?
        end
      end
    end
  end
end
